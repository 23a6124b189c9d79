"""Accuracy of ranked lists: nDCG, recall, MRR and MAP, as `ir-measures` defines them."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from training.errors import BadConfig

if TYPE_CHECKING:
    from ir_measures.measures import Measure

MEASURES = ("ndcg@10", "recall@20", "recall@100", "mrr", "map")


def accuracy(
    lists: Sequence[np.ndarray],
    positives: Sequence[np.ndarray],
    names: Sequence[str] = MEASURES,
) -> dict[str, np.ndarray]:
    """One value a person for each measure; an empty list is worth 0.

    What a list leaves out counts as never found, so `map` and `mrr` are of lists as deep as they
    are given.

    Args:
        lists: of P people, rows of posts, best first, each once.
        positives: of the same people, rows of the posts they wanted, one at least.
        names: as in `MEASURES`; any other cut-off may stand behind the @.
    Returns: measure to (P,) float in [0, 1].
    Raises: BadConfig for an unknown measure, or without the package `ir-measures`; ValueError if
        lists and positives are not as many, or a person has no positive.
    """
    if len(lists) != len(positives):
        raise ValueError(f"{len(lists)} lists for {len(positives)} people")
    if any(len(each) == 0 for each in positives):
        raise ValueError("a person without a positive can't be measured")
    measures = {_measure(name): name for name in names}
    values = {name: np.zeros(len(lists)) for name in names}
    if not any(len(each) for each in lists):
        return values
    import ir_measures

    wanted = {str(p): {str(post): 1 for post in each} for p, each in enumerate(positives)}
    # the place is the score: equal scores would be put in an order of the library's own
    found = {
        str(p): {str(post): float(-place) for place, post in enumerate(each)}
        for p, each in enumerate(lists)
        if len(each)
    }
    for metric in ir_measures.iter_calc(list(measures), wanted, found):
        values[measures[metric.measure]][int(metric.query_id)] = metric.value
    return values


def require() -> None:
    """Raises: BadConfig without the package `ir-measures`."""
    if find_spec("ir_measures") is None:
        raise BadConfig(
            "measuring recommendations needs the package ir-measures",
            hint="install commonspace[evaluation]",
        )


def _measure(name: str) -> "Measure":
    """The library's measure of a name of ours."""
    require()
    from ir_measures import AP, RR, R, nDCG

    family, at, cutoff = name.partition("@")
    families = {"ndcg": nDCG, "recall": R, "mrr": RR, "map": AP}
    if family not in families or (at and not (cutoff.isdecimal() and int(cutoff))):
        raise BadConfig(f"unknown measure {name!r}", hint=f"known: {', '.join(MEASURES)}")
    if family in ("ndcg", "recall") and not at:
        raise BadConfig(f"measure {name!r} needs a cut-off", hint=f"e.g. {family}@10")
    return families[family] @ int(cutoff) if at else families[family]
