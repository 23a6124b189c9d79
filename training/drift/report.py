"""The drift between two snapshots: everything that was compared, and a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.clean import CleanData
from training.drift.columns import Snapshot
from training.drift.config import DriftConfig
from training.drift.data_drift import compare_data
from training.drift.interests import Interests, find_interests
from training.drift.places import Places, place
from training.drift.shift import Level, Shift, worst
from training.drift.space_drift import compare_places
from training.observer import SILENT, Observer
from training.run_config import RunConfig
from training.space import Space

ARRIVALS = 50
"""New posts from which they are also compared by themselves."""


@dataclass(frozen=True)
class DriftReport:
    """What has moved.

    Attributes:
        reference: digest of the data then.
        current: digest of the data now.
        model: in whose space it was looked at; None if in none.
        counts: rows by table, then and now.
        quarantined: share of bad rows, then and now.
        new_posts: that the reference doesn't have.
        data: columns of all posts.
        arrivals: columns of the new posts beside the whole reference: an early sign, which a large
            history hides in `data`. Empty if there are few.
        space: posts and people in the space.
    """

    reference: str
    current: str
    model: str | None
    counts: Mapping[str, tuple[int, int]]
    quarantined: tuple[float, float]
    new_posts: int
    data: Sequence[Shift]
    arrivals: Sequence[Shift] = ()
    space: Sequence[Shift] = ()

    @property
    def level(self) -> Level:
        """Of the data and its place in the space as a whole; arrivals only warn."""
        return worst([*self.data, *self.space])

    @property
    def drifted(self) -> list[Shift]:
        """What moved, the most first."""
        found = [each for each in (*self.data, *self.space) if each.level is not Level.NONE]
        return sorted(found, key=lambda each: -each.effect / each.threshold)

    def verdict(self) -> str:
        """One or two sentences."""
        if self.reference == self.current:
            return "No drift: it is the same data."
        compared = len(self.data) + len(self.space)
        if self.level is Level.NONE:
            said = (
                f"No drift: none of {compared} things moved beyond its threshold and beyond chance."
            )
        else:
            moved = "; ".join(f"{each.name} ({each.said})" for each in self.drifted)
            said = f"{str(self.level).capitalize()} drift in {len(self.drifted)} of {compared} "
            said += f"things: {moved}."
        early = [each for each in self.arrivals if each.level is not Level.NONE]
        if early:
            names = "; ".join(f"{each.name} ({each.said})" for each in early)
            said += f" The {self.new_posts:,} new posts by themselves differ in: {names}."
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "reference": self.reference,
            "current": self.current,
            "model_version": self.model,
            "level": str(self.level),
            "verdict": self.verdict(),
            "counts": {name: list(pair) for name, pair in self.counts.items()},
            "quarantined": list(self.quarantined),
            "new_posts": self.new_posts,
            "data": [each.to_json() for each in self.data],
            "arrivals": [each.to_json() for each in self.arrivals],
            "space": [each.to_json() for each in self.space],
        }


@dataclass(frozen=True)
class Placed:
    """Both snapshots in a model's space.

    Attributes:
        reference: the posts and people then.
        current: those of now.
        interests: of the reference.
    """

    reference: Places
    current: Places
    interests: Interests


def compare_snapshots(
    reference: Snapshot,
    current: Snapshot,
    config: DriftConfig,
    placed: Placed | None = None,
    model: str | None = None,
) -> DriftReport:
    """The report of two snapshots, with or without a model's space.

    Args:
        reference: the data then.
        current: the data now.
        config: thresholds.
        placed: both in a space.
        model: whose space that is.
    """
    known = set(reference.posts["post_id"].to_pylist())
    new = [row for row, id in enumerate(current.posts["post_id"].to_pylist()) if id not in known]
    arrivals: list[Shift] = []
    if ARRIVALS <= len(new) < len(current.posts):
        arrived = current.only(np.array(new))
        # how much somebody posts is not asked of a part of their posts
        arrivals = [
            shift
            for shift in compare_data(reference, arrived, config)
            if not shift.name.endswith("a person")
        ]
    return DriftReport(
        reference=reference.digest,
        current=current.digest,
        model=model,
        counts={
            name: (reference.counts.get(name, 0), current.counts.get(name, 0))
            for name in {**reference.counts, **current.counts}
        },
        quarantined=(reference.quarantined, current.quarantined),
        new_posts=len(new),
        data=compare_data(reference, current, config),
        arrivals=arrivals,
        space=compare_places(placed.reference, placed.current, placed.interests, config)
        if placed
        else [],
    )


def measure_drift(
    reference: CleanData,
    current: CleanData,
    config: DriftConfig,
    *,
    space: Space,
    model_folder: Path,
    model: str,
    run: RunConfig,
    workspace: Path,
    observer: Observer = SILENT,
) -> tuple[DriftReport, Placed]:
    """Compare two snapshots, also in a model's space; needs Ray if a post must be encoded.

    Args:
        reference: the data then; of the champion's training, say.
        current: the data now.
        config: thresholds.
        space: the model.
        model_folder: its files.
        model: its version, for people.
        run: says what a person's history is.
        workspace: has the feature caches.
        observer: sees the progress.
    """
    observer.stage("Placing both snapshots in the space")
    then, now = (
        place(
            data,
            space,
            model_folder,
            run,
            workspace,
            most_rows=config.most_rows,
            seed=config.seed,
            observer=observer,
        )
        for data in (reference, current)
    )
    placed = Placed(then, now, find_interests(then, config.seed))
    observer.stage("Comparing the snapshots")
    before, after = Snapshot.of(reference), Snapshot.of(current)
    return compare_snapshots(before, after, config, placed, model), placed
