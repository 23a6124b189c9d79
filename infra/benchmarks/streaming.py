"""From made-up posts to an index at two sizes: flat memory, and time in proportion to the posts.

usage: python -m infra.benchmarks.streaming OUT.json WORKDIR [--sizes 100000,1000000]

Every stage runs in fresh processes, whose anonymous memory is watched; see `memory`. What was
measured is kept in WORKDIR, and a run that was cut short goes on with the stage that was cut. There
are ten posts a person. Time is that of the stage's work, without the start of Python and Ray.
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.memory import watched
from infra.benchmarks.streaming_stages import STAGES
from infra.benchmarks.training_page import write_training_page
from training.errors import Unavailable

COMMAND = "make bench-streaming"
SIZES = (100_000, 1_000_000)
POSTS_A_PERSON = 10
_MEASURED = ("validate", "features", "train", "hashed", "index")
_LEAST_MB = 150.0
"""A process that never held more is not judged by its ratio."""

Result = dict[str, Any]


def run_stage(stage: str, folder: Path) -> Result:
    """What a stage counted, and the peaks of its processes; read if it was measured before.

    Raises: Unavailable with the end of its output if it failed.
    """
    kept = folder / f"{stage}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "infra.benchmarks.streaming_stages", stage, str(folder)]
    log = folder / f"{stage}.log"
    with log.open("w", encoding="utf-8") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
        with watched(process.pid) as peaks:
            out, _ = process.communicate()
    if process.returncode:
        raise Unavailable(f"stage {stage} of {folder} failed; see {log}")
    found = json.loads(out.strip().splitlines()[-1]) | {"peaks": asdict(peaks)}
    kept.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def run_size(posts: int, home: Path) -> dict[str, Result]:
    """All stages at a size, by name."""
    folder = home / str(posts)
    folder.mkdir(parents=True, exist_ok=True)
    size = {"posts": posts, "people": max(1, posts // POSTS_A_PERSON)}
    (folder / "size.json").write_text(json.dumps(size), encoding="utf-8")
    found = {}
    for stage in STAGES:
        if stage == "generate" and not (folder / "generate.json").exists():
            shutil.rmtree(folder / "network", ignore_errors=True)
        found[stage] = run_stage(stage, folder)
        peaks = found[stage]["peaks"]["anonymous"]
        shown = ", ".join(f"{role} {peak:.0f} MB" for role, peak in sorted(peaks.items()))
        print(f"{posts} {stage}: {found[stage]['seconds']:.1f} s; {shown}", flush=True)
    return found


def claims_of(small: dict[str, Result], large: dict[str, Result], sizes: list[int]) -> list[Claim]:
    """Figures beside their targets, from the results of two sizes."""
    claims = []
    between = f"{sizes[-1]} against {sizes[0]} posts"
    for stage in _MEASURED:
        before, after = (each[stage]["peaks"]["anonymous"] for each in (small, large))
        for role in sorted(before.keys() & after.keys()):
            if max(before[role], after[role]) < _LEAST_MB:
                continue
            detail = f"{before[role]:.0f} MB and {after[role]:.0f} MB, anonymous"
            if role == "vectors":
                detail += "; Milvus Lite's server, which holds the index in memory"
            claims.append(
                Claim(
                    f"streaming, {stage}: peak memory of the {role}, {between}",
                    after[role] / before[role],
                    "<= 1.3",
                    COMMAND,
                    detail,
                )
            )
        each = [r[stage]["seconds"] / n for r, n in ((small, sizes[0]), (large, sizes[-1]))]
        claims.append(
            Claim(
                f"streaming, {stage}: time a post, {between}",
                each[1] / each[0],
                "<= 1.15",
                COMMAND,
                f"{each[0] * 1e6:.0f} and {each[1] * 1e6:.0f} microseconds",
            )
        )
    return claims + _counted(large, sizes[-1]) + _found_out(large)


def _counted(large: dict[str, Result], posts: int) -> list[Claim]:
    """Rows that went in and didn't come out anywhere, and such as came out twice."""
    made, checked = large["generate"], large["validate"]
    astray = abs(posts - checked["read"]) + abs(checked["quarantined"] - made["flaws"])
    cut = large["resume"]
    lost = abs(checked["read"] - checked["clean"] - checked["quarantined"])
    unindexed = abs(checked["clean"] - large["index"]["posts"])
    detail = f"{checked['clean']} clean, {checked['quarantined']} quarantined"
    return [
        Claim(
            "streaming, rows: read or quarantined otherwise than written",
            astray,
            "= 0",
            COMMAND,
            detail,
        ),
        Claim("streaming, rows: neither clean nor quarantined", lost, "= 0", COMMAND, detail),
        Claim("streaming, rows: clean posts that are not in the index", unindexed, "= 0", COMMAND),
        Claim(
            "streaming, rows: repeated or skipped in an epoch that is cut and goes on",
            cut["twice"] + cut["skipped"],
            "= 0",
            COMMAND,
            f"{cut['posts']} posts, by two workers to the middle and three after it; "
            f"{cut['passed_over']} of a last, small batch are left to other epochs",
        ),
    ]


def _found_out(large: dict[str, Result]) -> list[Claim]:
    truth = large["truth"]
    return [
        Claim(
            "streaming, truth: NMI of posts' clusters and interests, over that of texts alone",
            truth["nmi"] / truth["nmi_of_text"],
            ">= 1.2",
            COMMAND,
            f"{truth['nmi']:.3f} against {truth['nmi_of_text']:.3f}",
        ),
        Claim(
            "streaming, truth: ten posts nearest to a person, of their interests, over chance",
            truth["precision"] / truth["chance"],
            ">= 3",
            COMMAND,
            f"{truth['precision']:.3f} against {truth['chance']:.3f}",
        ),
    ]


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    asked = parser.parse_args()
    sizes = sorted(int(size) for size in asked.sizes.split(","))
    found = [run_size(posts, asked.folder) for posts in sizes]
    claims = claims_of(found[0], found[-1], sizes)
    write_claims(claims, asked.out, keep=True)
    write_training_page(asked.out)
    print("\n".join(lines(claims)))


if __name__ == "__main__":
    main()
