"""What the recommender promises beside quality: speed, exactness, and that nothing is lost or left."""

import json
import shutil
from pathlib import Path
from typing import Any

from infra.benchmarks.answering import answering
from infra.benchmarks.claims import Claim
from infra.benchmarks.nearest import nearest, table
from infra.cli.output import note
from infra.product import load_config

COMMAND = "make bench-recsys"
KILLS = 20
_PLACES = (128, 1535)
"""Dimensions: of the table of nearest neighbours, and of the demo's model."""


def latency(scratch: Path) -> list[Claim]:
    """A recommendation with all sources on, over its bare search among 50,000 posts."""
    claims = []
    for dimension in _PLACES:
        found = answering(scratch / f"answering-{dimension}", dimension=dimension)
        claims.append(
            Claim(
                f"recommendation with all sources on, {found['posts']:,} posts of {dimension} "
                "dimensions: p50 over its bare batch search",
                found["ratio"],
                "<= 2",
                COMMAND,
                f"{found['recommend_ms']:.0f} ms, its search {found['search_ms']:.0f} ms, a search "
                f"of one query {found['one_query_ms']:.0f} ms",
            )
        )
    return claims


def nearest_posts(scratch: Path) -> list[Claim]:
    """Recall@10 of approximate search against exact, with how long each search takes."""
    claims = []
    for posts in (50_000, 500_000):
        found = nearest(posts, told=lambda one: note(f"  {one.kind}: recall {one.recall:.4f}"))
        (scratch / f"nearest-{posts}.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        note(table(found))
        claims += nearest_claims(found)
    return claims


def nearest_claims(found: dict[str, Any]) -> list[Claim]:
    """A figure a kind of search, from what `nearest` gave."""
    return [
        Claim(
            f"recall@10 against exact, {found['posts']:,} posts of {found['dimension']} "
            f"dimensions: {one['kind']}",
            one["recall"],
            ">= 0.98",
            COMMAND,
            f"one query p50 {one['one_p50_ms']:.3g} ms, p95 {one['one_p95_ms']:.3g} ms; ten "
            f"{one['batch_p50_ms']:.3g} and {one['batch_p95_ms']:.3g} ms; built in "
            f"{one['build_s']:.0f} s",
        )
        for one in found["searches"]
        if "numpy" not in one["kind"]
    ]


def killed(scratch: Path) -> list[Claim]:
    """Kills during ingestion and re-index, and writers beside readers: what is lost or doubled."""
    from infra.benchmarks.ingesting import ingesting
    from infra.benchmarks.reindexing import killed_reindexing

    claims = ingesting(_fresh(scratch / "ingesting"), times=KILLS)
    end = killed_reindexing(_fresh(scratch / "reindexing"), times=KILLS)
    return [*claims, *reindexing_claims(end)]


def reindexing_claims(end: dict[str, Any]) -> list[Claim]:
    """Figures from what `killed_reindexing` gave."""
    detail = ", ".join(f"{name} {value}" for name, value in end.items())
    what = f"by {end['kills']} kills of a re-index"
    return [
        Claim(f"rows lost {what}", end["lost"], "= 0", COMMAND, detail),
        Claim(f"rows doubled {what}", end["doubled"] + end["too_many"], "= 0", COMMAND),
        Claim(f"drift that verify finds after {what[3:]}", end["drift"], "= 0", COMMAND),
    ]


def forgotten(scratch: Path, workspace: Path) -> list[Claim]:
    """Places that hold a person who was forgotten, also after rebuild and re-import."""
    from infra.benchmarks.forgetting import forgetting

    copy = scratch / "forgetting"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(workspace, copy)
    tracking = f"tracking.uri=sqlite:///{(copy / 'mlflow.db').resolve()}"
    row = forgetting(load_config(None, (tracking,), copy))
    return [Claim(row["what"], row["value"], row["target"], row["command"], row["detail"])]


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
