"""One thing that was compared between two snapshots, and how far it has moved."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much drift."""

    NONE = "none"
    MODERATE = "moderate"
    LARGE = "large"

    @property
    def rank(self) -> int:
        """0, 1, 2."""
        return list(Level).index(self)


@dataclass(frozen=True)
class Shift:
    """A thing compared.

    Attributes:
        name: of the thing: `text length`, `language`.
        measure: of the effect: `Kolmogorov-Smirnov`.
        effect: how far it moved; NaN where there was nothing to compare.
        chance: what random deals of the same people into two groups hardly exceed.
        threshold: from which an effect counts.
        said: what moved most, in words.
        large: how many thresholds are a large drift.
        figures: further figures, by name.
        bins: names of the parts of the distributions, if it has any.
        before: share of each bin in the reference.
        after: share of each bin now.
    """

    name: str
    measure: str
    effect: float
    chance: float
    threshold: float
    said: str
    large: float = 2.0
    figures: dict[str, float] = field(default_factory=dict)
    bins: Sequence[str] = ()
    before: Sequence[float] = ()
    after: Sequence[float] = ()

    @property
    def level(self) -> Level:
        """An effect counts if it reaches its threshold and chance would hardly give it."""
        if not math.isfinite(self.effect) or self.effect < self.threshold:
            return Level.NONE
        if self.effect <= self.chance:
            return Level.NONE
        return Level.LARGE if self.effect >= self.large * self.threshold else Level.MODERATE

    def to_json(self) -> dict[str, Any]:
        """Plain data; what could not be measured is null."""
        return asdict(self) | {
            "level": str(self.level),
            "effect": _number(self.effect),
            "chance": _number(self.chance),
            "figures": {name: _number(value) for name, value in self.figures.items()},
        }


def worst(shifts: Sequence[Shift]) -> Level:
    """The highest level among shifts; none of none."""
    return max((each.level for each in shifts), key=lambda level: level.rank, default=Level.NONE)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
