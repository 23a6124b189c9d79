"""Whether the probabilities of the model of reactions hold on what was held out."""

from typing import Any

import numpy as np

from recsys.evaluation.reactions import learned, of_known
from recsys.evaluation.split import Split
from training.reactions.probabilities import judge_kinds


def reliability_of(split: Split, seed: int = 0) -> dict[str, Any]:
    """Outcome to its expected calibration error on the held-out reactions, and its bins.

    Judged on posts that were there and people who reacted before; empty where own posts are asked
    for, or where no probability could be fitted.

    Returns: {outcome: {question, ece, ece_score_alone, cases, bins: [{said, happened, weight}]}}
    """
    training = split.training
    if training.own:
        return {}
    known = learned(training, seed)
    rows, people = known.rows, np.unique(training.events.person)
    before = of_known(training.events, rows)
    later = of_known(split.later[np.isin(split.later.person, people)], rows)
    model = known.model
    if not len(later):
        return {}
    judged = judge_kinds(model.kinds, model.space, before, later, model.base, seed)
    return {
        name: {
            "question": model.kinds[name].question.value,
            "ece": calibrated.error,
            "ece_score_alone": raw.error,
            "cases": calibrated.pairs,
            "bins": [
                {"said": float(said), "happened": float(happened), "weight": float(weight)}
                for said, happened, weight in zip(
                    calibrated.said, calibrated.happened, calibrated.weight, strict=True
                )
            ],
        }
        for name, (raw, calibrated) in judged.items()
    }
