"""What the page says first: each direction's headline figure beside the best other model."""

import math

from training.evaluation.card import JOINT, EvaluationCard
from training.evaluation.card_text import figure, span
from training.evaluation.embedded import Direction
from training.evaluation.report import shown_name
from training.report.html import Markup, tag


def tiles(card: EvaluationCard) -> Markup:
    """A tile a direction that the model can do."""
    joint = card.retrieval.get(JOINT, {})
    return tag("ul", *(_tile(card, d) for d in Direction if d.value in joint), class_="tiles")


def _tile(card: EvaluationCard, direction: Direction) -> Markup:
    metric = direction.headline
    value = card.retrieval[JOINT][direction.value][metric]
    return tag(
        "li",
        tag("span", f"{direction.arrow} {shown_name(metric)}"),
        tag("b", figure(value.value)),
        tag("small", span(value)),
        tag("small", _against(card, direction, value.value)),
    )


def _against(card: EvaluationCard, direction: Direction, value: float) -> str:
    """`1.45 × unimodal_image`: the best of the other models."""
    others = {
        model: found[direction.value][direction.headline].value
        for model, found in card.retrieval.items()
        if model != JOINT and direction.headline in found.get(direction.value, {})
    }
    others = {model: other for model, other in others.items() if not math.isnan(other)}
    best = max(others, key=others.__getitem__, default=None)
    if best is None or others[best] <= 0:
        return "no baseline can do this"
    return f"{value / others[best]:.2f} × {best}"
