"""Joint training against what it must beat, and the absolute figure for people and posts."""

import math
from collections.abc import Sequence

import numpy as np

from training.benchmark.claims.base import Claim, Evidence, LeftOut, claims, needed
from training.benchmark.results import Results, averaged
from training.evaluation.embedded import Direction
from training.evaluation.intervals import bootstrap_interval

OVER_UNIMODAL = {
    Direction.USER_TO_IMAGE: ("unimodal_image", 1.4),
    Direction.USER_TO_TEXT: ("unimodal_text", 1.2),
}
OVER_ISOLATED = 0.05
USER_TO_POST = 0.62


@claims.register("over_unimodal")
def over_unimodal(evidence: Evidence) -> list[Claim]:
    """MAP of the joint space over that of the mean of a person's features."""
    found = []
    for direction, (baseline, target) in OVER_UNIMODAL.items():
        results = needed(evidence, "joint", baseline)
        joint, mean = results.values("joint", direction), results.values(baseline, direction)
        if not len(joint) or not len(mean):
            raise LeftOut(f"nothing to ask {direction.value} with")
        value = float(joint.mean() / mean.mean())
        detail = f"joint {_shown(joint)} over {baseline} {mean.mean():.3f}"
        name = f"{direction.arrow} MAP of joint over {baseline}"
        found.append(Claim(name, value, target, value >= target, detail))
    return found


@claims.register("over_isolated")
def over_isolated(evidence: Evidence) -> list[Claim]:
    """Joint against isolated pairs of equal dimension, in each direction and on the mean."""
    results = needed(evidence, "joint", "isolated")
    directions = results.shared_six("joint", "isolated")
    if not directions:
        raise LeftOut("no direction that both can do")
    details, held = [], 0
    for direction in directions:
        joint, isolated = (results.values(name, direction) for name in ("joint", "isolated"))
        difference = float(joint.mean() - isolated.mean())
        error = _error_of_difference(joint, isolated)
        held += difference >= -error
        low, high = _interval_of_difference(results, direction)
        details.append(
            f"{direction.arrow} {_shown(joint)} − {_shown(isolated)} = {difference:+.3f} "
            f"(s.e. {error:.3f}; 95 % over people {low:+.3f} to {high:+.3f})"
        )
    ratio = results.six("joint", directions).mean() / results.six("isolated", directions).mean()
    gain = float(ratio - 1)
    several = len(results.tables["joint"]) > 1
    note = "" if several else "; one seed has no standard error, so none was allowed"
    return [
        Claim(
            "directions in which joint is at least isolated, within one standard error over seeds",
            float(held),
            float(len(directions)),
            held == len(directions),
            "; ".join(details) + note,
        ),
        Claim(
            "gain of joint over isolated on the mean of the six directions",
            gain,
            OVER_ISOLATED,
            gain >= OVER_ISOLATED,
            f"joint {_shown(results.six('joint', directions))}, "
            f"isolated {_shown(results.six('isolated', directions))}"
            + _equipped(results, directions),
        ),
    ]


@claims.register("user_to_post")
def user_to_post(evidence: Evidence) -> list[Claim]:
    """MAP of whole posts for a person; the target was set for the shipped sample alone."""
    results = needed(evidence, "joint")
    values = results.values("joint", Direction.USER_TO_POST)
    if not len(values):
        raise LeftOut("no person has a held-out post")
    value = float(values.mean())
    target = USER_TO_POST if evidence.sample else None
    others = ", ".join(
        f"{name} {results.values(name, Direction.USER_TO_POST).mean():.3f}"
        for name in ("late_fusion", "naive_joint", "concatenation")
        if results.has(name) and len(results.values(name, Direction.USER_TO_POST))
    )
    met = None if target is None else value >= target
    return [Claim("user→post MAP of joint", value, target, met, f"{_shown(values)}; {others}")]


def _equipped(results: Results, directions: Sequence[Direction]) -> str:
    """What is left of the lead over isolated pairs that have our further blocks too."""
    name = "isolated_equipped"
    if not results.has(name) or results.shared_six("joint", name) != directions:
        return ""
    gain = results.six("joint", directions).mean() / results.six(name, directions).mean() - 1
    held = [
        direction.arrow
        for direction in directions
        if results.values("joint", direction).mean() < results.values(name, direction).mean()
    ]
    below = f", below it in {', '.join(held)}" if held else ""
    shown = _shown(results.six(name, directions))
    return (
        f"; over isolated pairs that have every block of ours that a pair alone can have "
        f"({shown}) {gain:+.1%}{below}"
    )


def _shown(values: np.ndarray) -> str:
    spread = f"±{values.std(ddof=1):.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"


def _error_of_difference(first: np.ndarray, second: np.ndarray) -> float:
    """Standard error of the difference of two means over seeds, the runs being independent."""
    if min(len(first), len(second)) < 2:
        return 0.0
    return math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))


def _interval_of_difference(results: Results, direction: Direction) -> tuple[float, float]:
    joint, isolated = (
        averaged([table[direction] for table in results.tables[name]])
        for name in ("joint", "isolated")
    )
    gap = joint.values[direction.headline] - isolated.values[direction.headline]
    interval = bootstrap_interval(gap, groups=joint.person)
    return interval.low, interval.high
