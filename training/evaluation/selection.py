"""The one number that selects a model: on the validation split, never on test."""

from collections.abc import Mapping

from training.evaluation.embedded import Direction

SELECTED_BY = tuple(d for d in Direction if "post" not in (d.query, d.candidate))


def selection_score(retrieval: Mapping[str, Mapping[str, float]]) -> float:
    """Mean of the headline metrics over those of the six pair directions that the data allows.

    Args:
        retrieval: direction to metric to value, as `evaluate_retrieval` gives it.
    Returns: in [0, 1]; 0 where no direction could be evaluated.
    """
    values = [retrieval[d][d.headline] for d in SELECTED_BY if d in retrieval]
    return sum(values) / len(values) if values else 0.0
