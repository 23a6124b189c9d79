"""Do probabilities hold? What was said against what happened: expected calibration error."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.evaluation.style import COLOURS, GREY, INK, grid_of_axes, save

BINS = 10
PLOT = "reaction_reliability.png"
"""Name of the picture beside a benchmark's tables."""


@dataclass(frozen=True)
class Reliability:
    """Predictions in bins of equal weight.

    Attributes:
        said: (b,) mean probability of each bin.
        happened: (b,) share that came true.
        weight: (b,) of each bin, sums to 1.
        pairs: how many predictions.
    """

    said: np.ndarray
    happened: np.ndarray
    weight: np.ndarray
    pairs: int

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1] (Naeini et al., AAAI 2015)."""
        return float(np.sum(self.weight * np.abs(self.said - self.happened)))


def reliability(
    probabilities: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None
) -> Reliability:
    """Bins of (M,) probabilities and (M,) labels in {0, 1}; weights (M,) stand for repeats.

    Raises: ValueError if there is no prediction.
    """
    if len(probabilities) == 0:
        raise ValueError("reliability needs one prediction at least")
    weights = np.ones(len(probabilities)) if weights is None else weights
    order = np.argsort(probabilities, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    place = np.empty(len(order), dtype=int)
    place[order] = np.minimum((reached * BINS - 1e-9).astype(int), BINS - 1)
    total = np.bincount(place, weights, minlength=BINS)
    there = total > 0
    said = np.bincount(place, weights * probabilities, minlength=BINS)[there] / total[there]
    happened = np.bincount(place, weights * labels, minlength=BINS)[there] / total[there]
    return Reliability(said, happened, total[there] / total.sum(), len(probabilities))


def reliability_plot(
    kinds: Mapping[str, tuple[Reliability, Reliability]], titles: Mapping[str, str], path: Path
) -> Path:
    """One panel a kind, raw and calibrated beside the diagonal of a perfect forecast.

    Args:
        kinds: kind to raw and calibrated reliability.
        titles: kind to what is predicted.
        path: of the PNG.
    """
    figure, axes = grid_of_axes(max(1, len(kinds)), 3, width=4.4, height=4)
    for axis, (kind, (raw, calibrated)) in zip(axes, kinds.items(), strict=False):
        edge = 1.05 * max(*raw.said, *raw.happened, *calibrated.said, *calibrated.happened)
        axis.plot([0, edge], [0, edge], color=GREY, linewidth=1)
        for name, each, colour, marker in (
            ("score alone", raw, COLOURS[1], "s"),
            ("calibrated", calibrated, COLOURS[0], "o"),
        ):
            label = f"{name}: ECE {each.error:.3g}"
            axis.plot(each.said, each.happened, color=colour, marker=marker, label=label)
        axis.set_title(titles.get(kind, kind), loc="left", color=INK, fontsize=10)
        axis.set_xlabel("predicted", color=INK)
        axis.set_ylabel("observed", color=INK)
        axis.legend(frameon=False, fontsize=8)
    return save(figure, path)
