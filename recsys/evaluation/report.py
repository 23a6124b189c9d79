"""The report of an evaluation as plain data: figures with intervals, and who beats whom."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from recsys.evaluation.intervals import Resamples
from recsys.evaluation.measure import HIGHER_IS_BETTER, Measured
from recsys.evaluation.metrics.accuracy import MEASURES
from recsys.evaluation.slices import Slice
from training.evaluation.intervals import Interval
from training.reactions.contenders import Role

Roles = Mapping[str, Role]


def figures(measured: Measured, slices: Sequence[Slice], seed: int) -> dict[str, Any]:
    """One contender's figures.

    Returns: `slices` {slice: {measure: {value, low, high}}}, `beyond` {measure: {value, low,
        high}}, without the interval for figures of all lists together, whose bootstrap would be
        biased: fewer distinct people cover fewer posts. What says nothing is left out.
    """
    found: dict[str, Any] = {"slices": {}, "beyond": {}}
    people = {}
    for part in slices:
        people[part.name] = Resamples(len(part.rows), seed)
        values = measured.slices[part.name]
        found["slices"][part.name] = {
            name: _cell(people[part.name].mean(each)) for name, each in values.items()
        }
    everyone = Resamples(len(next(iter(measured.people.values()))), seed)
    for name, each in measured.people.items():
        interval = everyone.mean(each)
        if interval is not None:
            found["beyond"][name] = _cell(interval)
    for name, value in measured.whole.items():
        if not np.isnan(value):
            found["beyond"][name] = {"value": value}
    return found


def best_baseline(
    measured: Mapping[str, Measured], roles: Roles, part: str, measure: str
) -> str | None:
    """The baseline with the best mean in a slice; None without one."""
    rivals = [name for name in measured if roles[name] is Role.BASELINE]
    return max(
        rivals, key=lambda name: float(measured[name].slices[part][measure].mean()), default=None
    )


def differences(
    measured: Mapping[str, Measured], roles: Roles, slices: Sequence[Slice], seed: int
) -> dict[str, Any]:
    """Slice to measure to the best baseline, and what every other contender is above it.

    Returns: {slice: {measure: {best, above: {contender: {value, low, high}}}}}, paired by person.
    """
    found: dict[str, Any] = {}
    for part in slices:
        resamples = Resamples(len(part.rows), seed)
        for measure in MEASURES:
            best = best_baseline(measured, roles, part.name, measure)
            if best is None:
                continue
            rival = measured[best].slices[part.name][measure]
            above = {
                name: _cell(resamples.difference(each.slices[part.name][measure], rival))
                for name, each in measured.items()
                if roles[name] is not Role.BASELINE
            }
            found.setdefault(part.name, {})[measure] = {"best": best, "above": above}
    return found


def is_better(measure: str, value: float, than: float) -> bool:
    """Whether a figure beats another; of most that means it is higher."""
    return value > than if measure in HIGHER_IS_BETTER else value < than


def _cell(interval: Interval | None) -> dict[str, float]:
    if interval is None:
        return {"value": float("nan")}
    return {name: round(float(each), 6) for name, each in interval._asdict().items()}
