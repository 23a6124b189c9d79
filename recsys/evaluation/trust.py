"""Whether the probabilities of the model of reactions hold on what was held out."""

from typing import Any

import numpy as np
from scipy.special import expit

from recsys.evaluation.reactions import learned, of_known
from recsys.evaluation.split import Split
from training.reactions.events import Events
from training.reactions.model import ReactionModel
from training.reactions.opinions import opinions
from training.reactions.outcomes import ask, overall_pairs
from training.reactions.probabilities import judge_kinds
from training.reactions.reliability import Reliability, reliability
from training.reactions.signals import SIGNALS, scores


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
    kinds = model.kinds | model.overall
    return {
        name: {
            "question": kinds[name].question.value,
            "ece": calibrated.error,
            "ece_score_alone": raw.error,
            "cases": calibrated.pairs,
            "bins": _bins(calibrated),
        }
        for name, (raw, calibrated) in (judged | _overall(model, before, later, seed)).items()
    }


def _overall(
    model: ReactionModel, before: Events, later: Events, seed: int
) -> dict[str, tuple[Reliability, Reliability]]:
    """As `judge_kinds`, of the outcomes over all kinds, which the recommender ranks by."""
    config = model.space.config
    pairs, held = overall_pairs(later, config), opinions(before, config)
    found = {}
    for outcome, name in enumerate(pairs.names):
        if name in model.overall:
            kind = model.overall[name]
            asked = ask(kind.question, pairs, outcome, before, seed)
            signal = np.zeros((len(asked.post), len(SIGNALS)))
            signal[:, 0] = scores(model.space, held, asked.person, asked.post)
            found[name] = (
                reliability(expit(signal[:, 0]), asked.happened, asked.weight),
                reliability(kind(signal), asked.happened, asked.weight),
            )
    return found


def _bins(found: Reliability) -> list[dict[str, float]]:
    columns = zip(found.said, found.happened, found.weight, strict=True)
    return [{"said": float(a), "happened": float(b), "weight": float(c)} for a, b, c in columns]
