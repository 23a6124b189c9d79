"""Columns of two snapshots, compared one by one."""

from collections import Counter

import numpy as np

from training.drift.columns import Column, Snapshot, columns_of
from training.drift.config import DriftConfig
from training.drift.measures import (
    by_person,
    chance_of,
    jensen_shannon,
    kolmogorov_smirnov,
    shares,
    stability_index,
)
from training.drift.shift import Shift

NAMES, STEPS = 40, 30
"""Bins at most: the commonest names, and the quantiles of numbers."""
OTHER = "(others)"


def compare_data(reference: Snapshot, current: Snapshot, config: DriftConfig) -> list[Shift]:
    """Every column that one of the two has; what only one has is drift of the largest size."""
    before = columns_of(reference, config.most_rows, config.seed)
    after = columns_of(current, config.most_rows, config.seed)
    return [
        compare_columns(before.get(name), after.get(name), config)
        for name in {**before, **after}  # in the order of the first
    ]


def compare_columns(before: Column | None, after: Column | None, config: DriftConfig) -> Shift:
    """One column of both sides; None stands for a side that has no value in it.

    Raises: ValueError if both are None.
    """
    if before is None or after is None:
        return _one_sided(before, after, config)
    ordered = before.ordered
    names, codes = _steps(before, after) if ordered else _names(before, after)
    split = len(before.values)
    first = by_person(before.people, codes[:split], len(names))
    second = by_person(after.people, codes[split:], len(names))
    p, q = (shares(np.asarray(each.sum(axis=0)).ravel()) for each in (first, second))
    measure = kolmogorov_smirnov if ordered else jensen_shannon
    return Shift(
        name=before.name,
        measure="Kolmogorov-Smirnov" if ordered else "Jensen-Shannon",
        effect=float(measure(p, q)),
        chance=chance_of(first, second, measure, resamples=config.resamples, seed=config.seed),
        threshold=config.steps if ordered else config.divergence,
        said=_medians(before, after) if ordered else moved_most(names, p, q),
        large=config.large,
        figures={
            "stability index": float(stability_index(p, q)),
            "jensen-shannon": float(jensen_shannon(p, q)),
        }
        | ({} if ordered else {"never seen before": _novel(before, after)}),
        bins=names,
        before=p.tolist(),
        after=q.tolist(),
    )


def moved_most(names: list[str], before: np.ndarray, after: np.ndarray, count: int = 2) -> str:
    """The bins whose shares moved most, in words: `birds 3 % → 20 %`."""
    order = np.argsort(-np.abs(after - before), kind="stable")[:count]
    return ", ".join(f"{names[i]} {before[i]:.1%} → {after[i]:.1%}" for i in order)


def _one_sided(before: Column | None, after: Column | None, config: DriftConfig) -> Shift:
    present = before or after
    if present is None:
        raise ValueError("one side must have the column")
    said = f"{present.name} is there {'no longer' if after is None else 'for the first time'}"
    measure = "Kolmogorov-Smirnov" if present.ordered else "Jensen-Shannon"
    threshold = config.steps if present.ordered else config.divergence
    return Shift(present.name, measure, 1.0, 0.0, threshold, said, config.large)


def _names(before: Column, after: Column) -> tuple[list[str], np.ndarray]:
    """The commonest names of either side, and the bin of each value of both.

    Of either, and not of both together: what came up new in a small snapshot must not drown among
    the rare of a large one.
    """
    ranked = [Counter(column.values.tolist()).most_common(NAMES // 2) for column in (before, after)]
    names = list(dict.fromkeys(name for side in ranked for name, _ in side))
    known = {name: at for at, name in enumerate(names)}
    codes = np.array(
        [
            known.get(value, len(names))
            for column in (before, after)
            for value in column.values.tolist()
        ],
        dtype=np.int64,
    )
    return [*names, OTHER], codes


def _steps(before: Column, after: Column) -> tuple[list[str], np.ndarray]:
    """Bins between quantiles of both sides, each side counting half, and the bin of each value."""
    points = np.linspace(0, 1, STEPS + 1)[1:-1]
    edges = np.unique(
        np.concatenate([np.quantile(column.values, points) for column in (before, after)])
    )
    codes = np.searchsorted(edges, np.concatenate([before.values, after.values]), side="left")
    names = [f"≤ {edge:.4g}" for edge in edges] + [f"> {edges[-1]:.4g}"]
    return names, codes


def _medians(before: Column, after: Column) -> str:
    first, second = np.median(before.values), np.median(after.values)
    return f"median {first:.4g} → {second:.4g}, mean {before.values.mean():.4g} → " + (
        f"{after.values.mean():.4g}"
    )


def _novel(before: Column, after: Column) -> float:
    """Share of the values now that the reference has not at all."""
    return float(np.isin(after.values, np.unique(before.values), invert=True).mean())
