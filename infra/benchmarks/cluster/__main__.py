"""`python -m infra.benchmarks.cluster OUT.json FOLDER [POSTS]`: the whole way, with figures."""

import shutil
import signal
import sys
from pathlib import Path

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.cluster.journey import Walked, walk
from infra.benchmarks.cluster.machines import machines
from infra.benchmarks.training_page import write_training_page
from infra.cli.output import note
from training.data.sample import sample_path

COMMAND = "make check-cluster"
_NODES, _POSTS = 3, 5


def main(to: Path, folder: Path, posts: str | None = None) -> int:
    """Walk through a new cluster in `folder` and write what came of it; the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that its processes end with it
    place = folder.absolute()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with machines(place) as running:
        walked = walk(running, Path(posts or sample_path()).absolute())
    claims = claims_of(walked, running.seconds)
    for line in lines(claims):
        note(line)
    write_claims(claims, to, keep=True)
    write_training_page(to)
    return 0 if all(claim.met for claim in claims) else 1


def claims_of(walked: Walked, started: dict[str, float]) -> list[Claim]:
    """What must hold after the way, with the seconds that parts took."""

    def claim(what: str, value: float, target: float, detail: str = "") -> Claim:
        return Claim(f"cluster: {what}", value, f"= {target}", COMMAND, detail)

    steps = {f"start {part}": seconds for part, seconds in started.items()} | walked.seconds
    took = ", ".join(f"{step} {seconds:.0f} s" for step, seconds in steps.items())
    written = next(iter(walked.found), "") == "journey/1"
    return [
        claim("nodes alive at the end", walked.nodes, _NODES, took),
        claim("the trained model is champion", int(bool(walked.trained["promoted"])), 1),
        claim("posts recommended", len(walked.recommended), _POSTS),
        claim("a post just written is its search's first hit", int(written), 1),
        claim("status without a key", walked.refused, 401),
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
