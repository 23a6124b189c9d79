"""`python -m infra.benchmarks.cluster FIGURES.json FOLDER [POSTS]`: the whole way, with figures."""

import json
import shutil
import sys
from pathlib import Path

from infra.benchmarks.cluster.journey import walk
from infra.benchmarks.cluster.machines import machines
from training.data.sample import sample_path

COMMAND = "python -m infra.benchmarks.cluster"


def main(figures: str, folder: str, posts: str | None = None) -> None:
    """Walk through a new cluster in `folder` and write what each part took, in seconds."""
    place = Path(folder).absolute()
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    with machines(place) as running:
        walked = walk(running, Path(posts or sample_path()).absolute())
    champion, first = walked.trained["promoted"], next(iter(walked.found), None)
    rows = [
        {"what": f"start {part}, seconds", "value": seconds}
        for part, seconds in running.seconds.items()
    ]
    rows += [{"what": f"{step}, seconds", "value": s} for step, s in walked.seconds.items()]
    rows += [
        _row("nodes alive at the end", walked.nodes, 3, walked.nodes == 3),
        _row("the trained model is champion", champion, True, champion),
        _row("posts recommended", len(walked.recommended), 5, len(walked.recommended) == 5),
        _row("first hit for a post just written", first, "journey/1", first == "journey/1"),
        _row("status without a key", walked.refused, 401, walked.refused == 401),
    ]
    Path(figures).write_text(json.dumps([row | {"command": COMMAND} for row in rows], indent=2))
    print(Path(figures).read_text())
    if not all(row.get("met", True) for row in rows):
        sys.exit(1)


def _row(what: str, value: object, target: object, met: bool) -> dict[str, object]:
    return {"what": what, "value": value, "target": target, "met": met}


if __name__ == "__main__":
    main(*sys.argv[1:])
