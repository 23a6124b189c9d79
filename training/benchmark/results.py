"""Outcomes of trials put together: tables by name and seed, their means, intervals and slices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.benchmark.trial import Outcome, Trial
from training.evaluation.embedded import Direction
from training.evaluation.query_intervals import query_intervals
from training.evaluation.retrieval import QueryResults
from training.evaluation.selection import SELECTED_BY
from training.evaluation.slices import Slice

Table = Mapping[Direction, QueryResults]
Cells = dict[str, dict[str, dict[str, Any]]]
"""Direction to metric to {mean, std, n} and, where asked for, low and high."""


@dataclass(frozen=True)
class Results:
    """All that was measured.

    Attributes:
        tables: name to one table a seed.
        outcomes: trial's name to one outcome a seed, in the same order.
    """

    tables: Mapping[str, Sequence[Table]]
    outcomes: Mapping[str, Sequence[Outcome]]

    @classmethod
    def of(cls, trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> "Results":
        """File each outcome under its trial's name, each table under its own."""
        tables: dict[str, list[Table]] = {}
        named: dict[str, list[Outcome]] = {}
        for trial, outcome in zip(trials, outcomes, strict=True):
            named.setdefault(trial.name, []).append(outcome)
            for name, table in outcome.tables.items():
                tables.setdefault(_label(trial, name), []).append(table)
        return cls(tables, named)

    def extended(self, name: str, outcomes: Sequence[Outcome]) -> "Results":
        """With one more model, which no trial stands for."""
        tables = {name: [outcome.tables[name] for outcome in outcomes]}
        return Results({**self.tables, **tables}, {**self.outcomes, name: outcomes})

    def has(self, *names: str) -> bool:
        """Whether every table is there and holds something."""
        return all(name in self.tables and any(self.tables[name]) for name in names)

    def values(self, name: str, direction: Direction, metric: str | None = None) -> np.ndarray:
        """(S,) a metric of a table, seed by seed; the direction's headline if none is named."""
        metric = metric or direction.headline
        tables = [table for table in self.tables.get(name, ()) if direction in table]
        return np.array([table[direction].summary()[metric] for table in tables])

    def six(self, name: str, directions: Sequence[Direction] = SELECTED_BY) -> np.ndarray:
        """(S,) mean headline metric over the six pair directions, or over some, by seed."""
        return np.mean([self.values(name, direction) for direction in directions], axis=0)

    def shared_six(self, *names: str) -> tuple[Direction, ...]:
        """Those of the six directions that all of these tables have."""
        return tuple(
            d
            for d in SELECTED_BY
            if all(d in table for name in names for table in self.tables[name])
        )

    def cells(self, name: str, *, intervals: bool = False) -> Cells:
        """Means over seeds, with standard deviations (of a sample; 0 for one seed).

        Args:
            name: of a table.
            intervals: also the 95 % bootstrap over people of each query's mean over seeds.
        """
        found: Cells = {}
        for direction in Direction:
            tables = [table[direction] for table in self.tables[name] if direction in table]
            if not tables:
                continue
            summaries = [each.summary() for each in tables]
            found[direction.value] = {
                metric: spread_of([summary[metric] for summary in summaries])
                for metric in summaries[0]
            }
            if intervals:
                for metric, interval in query_intervals(averaged(tables)).items():
                    found[direction.value][metric] |= {"low": interval.low, "high": interval.high}
        return found

    def sliced(self, name: str, slices: Sequence[Slice]) -> dict[str, Cells]:
        """Slice to direction to headline metric; what has no query is left out."""
        found: dict[str, Cells] = {}
        for each in slices:
            for direction in Direction:
                values, queries = [], 0
                for table in self.tables[name]:
                    mask = each.mask(direction, table[direction]) if direction in table else None
                    if mask is not None and mask.any():
                        part = table[direction].where(mask)
                        values.append(part.summary()[direction.headline])
                        queries = len(part)
                if values:
                    cell = {direction.headline: spread_of(values) | {"queries": queries}}
                    found.setdefault(each.name, {})[direction.value] = cell
        return found


def spread_of(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation and number of some runs."""
    several = len(values) > 1
    deviation = float(np.std(values, ddof=1)) if several else 0.0
    return {"mean": float(np.mean(values)), "std": deviation, "n": len(values)}


def averaged(runs: Sequence[QueryResults]) -> QueryResults:
    """The mean over seeds of every query; the queries of one direction are the same for all."""
    first = runs[0]
    values = {name: np.mean([run.values[name] for run in runs], axis=0) for name in first.values}
    return QueryResults(first.queries, first.person, values)


def _label(trial: Trial, table: str) -> str:
    """A table's name; of a variant (`joint, half apart`) with what is different about it."""
    if trial.name == trial.contender:
        return table
    if trial.name.startswith(f"{trial.contender}, "):
        return table + trial.name.removeprefix(trial.contender)
    return trial.name
