"""How an evaluation was made: the split, who was asked, and against how many."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from training.data.clean import CleanData, SomePosts
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.query_intervals import LEVEL, RESAMPLES
from training.evaluation.tasks import retrieval_task
from training.materials import Materials

RANKING = (
    "every query against every candidate, no sampled negatives; ties count against the model; "
    "equal texts match each other's images"
)


@dataclass(frozen=True)
class Counted:
    """How much was asked in a direction: queries, and candidates that each was ranked against."""

    queries: int
    candidates: int


@dataclass(frozen=True)
class Protocol:
    """What a figure can't be compared without.

    Attributes:
        data_digest: of the clean data, the split included.
        split: whose posts are asked for.
        strategy: `temporal` (one cut in time for all) or `random` (a seeded draw per person).
        seed: of that draw.
        posts: in each part of the split.
        people: of whom every one is a candidate.
        asked: direction to queries and candidates.
        ranking: what a query is ranked against.
        interval: what the intervals are.
    """

    data_digest: str
    split: str
    strategy: str
    seed: int
    posts: Mapping[str, int]
    people: int
    asked: Mapping[str, Counted]
    ranking: str = RANKING
    interval: str = f"{LEVEL:.0%} percentile bootstrap, {RESAMPLES} resamples of people"


def protocol_of(materials: Materials, embedded: EmbeddedPosts, split: str) -> Protocol:
    """The protocol of an evaluation of these embeddings."""
    manifest = materials.data.manifest
    tasks = [retrieval_task(embedded, direction) for direction in Direction]
    part = isinstance(materials.data, SomePosts)
    among = f"; among {len(materials.examples.users)} people drawn at random and their posts"
    return Protocol(
        data_digest=manifest.digest,
        split=split,
        strategy=strategy_of(materials.data),
        seed=manifest.split.seed,
        posts=manifest.splits,
        people=len(materials.examples.users),
        asked={
            task.direction.value: Counted(len(task.queries), len(task.candidates))
            for task in tasks
            if task is not None
        },
        ranking=RANKING + (among if part else ""),
    )


def strategy_of(data: CleanData) -> str:
    """How the posts were split in fact: `auto` leaves it to the data."""
    asked = data.manifest.split.strategy
    if asked != "auto":
        return asked
    if data.manifest.report.posts_without_date:
        return "random"
    times = data.posts(["created_at"])["created_at"].cast("timestamp[us]").to_numpy()
    parts = np.asarray(data.splits())
    test, rest = times[parts == "test"], times[np.isin(parts, ["train", "validation"])]
    return "temporal" if len(test) and len(rest) and test.min() > rest.max() else "random"
