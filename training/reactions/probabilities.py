"""Calibrated probabilities: one small logistic regression a kind, over few signals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import expit

from training.reactions.events import Events
from training.reactions.opinions import opinions
from training.reactions.outcomes import (
    FEWEST,
    Question,
    ask,
    overall_pairs,
    question_of,
    read_pairs,
)
from training.reactions.reliability import Reliability, reliability
from training.reactions.signals import SIGNALS, Background, scores, signals
from training.reactions.space import ReactionSpace


@dataclass(frozen=True)
class KindModel:
    """Logistic regression of one outcome.

    Attributes:
        question: what the probability is of.
        weights: (5,) of the signals as they are.
        intercept: log-odds where all signals are 0.
        cases: how many it was fitted on.
    """

    question: Question
    weights: tuple[float, ...]
    intercept: float
    cases: int

    def __call__(self, signal: np.ndarray) -> np.ndarray:
        """(C, 5) signals to (C,) probabilities."""
        return expit(signal @ np.asarray(self.weights) + self.intercept)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `of_json`."""
        named = dict(zip(SIGNALS, self.weights, strict=True))
        fields = {"question": self.question.value, "intercept": self.intercept}
        return fields | {"cases": self.cases, "weights": named}

    @classmethod
    def of_json(cls, plain: Mapping[str, Any]) -> Self:
        """What `as_json` gave."""
        weights = tuple(plain["weights"][name] for name in SIGNALS)
        return cls(Question(plain["question"]), weights, plain["intercept"], plain["cases"])


def fit_kinds(
    space: ReactionSpace, known: Events, later: Events, base: Background, seed: int = 0
) -> dict[str, KindModel]:
    """Fit every outcome that the held-out reactions have enough cases of.

    Args:
        space: learned without `later`.
        known: reactions that it was learned from.
        later: held-out reactions of the same people to the same posts.
        base: of `known`.
        seed: of the draw of posts without a reaction.
    Returns: outcome to model; outcomes with too few cases are left out.
    """
    pairs = read_pairs(later, space.config)
    found = {}
    for outcome, name in enumerate(pairs.names):
        question = question_of(pairs, outcome)
        if question is None:
            continue
        asked = ask(question, pairs, outcome, known, seed)
        row = base.names.index(name)
        signal = signals(space, known, asked.person, asked.post, row, base)
        found[name] = _logistic(question, signal, asked.happened, asked.weight)
    return found


def fit_overall(
    space: ReactionSpace, known: Events, later: Events, seed: int = 0
) -> dict[str, KindModel]:
    """The probabilities of `REACTS` and `APPROVES`, as functions of the score alone.

    Platt scaling (Platt, 1999). More signals would calibrate finer, but then the order of posts
    would no longer be the score's, and that is the better order: on a validation part of
    ml-latest-small, nDCG@10 was .140 by the score and .128 by a probability of all five signals.

    Args:
        space: learned without `later`.
        known: reactions that it was learned from.
        later: held-out reactions of the same people to the same posts.
        seed: of the draw of posts without a reaction.
    Returns: outcome to model; empty where the cases are too few, or the score tells nothing.
    """
    pairs, held = overall_pairs(later, space.config), opinions(known, space.config)
    found = {}
    for outcome, name in enumerate(pairs.names):
        if pairs.happened[:, outcome].sum() < FEWEST:
            continue
        asked = ask(Question.AT_ALL, pairs, outcome, known, seed)
        signal = np.zeros((len(asked.post), len(SIGNALS)))
        signal[:, 0] = scores(space, held, asked.person, asked.post)
        model = _logistic(asked.question, signal, asked.happened, asked.weight)
        if model.weights[0] > 0:
            found[name] = model
    return found


def judge_kinds(
    kinds: Mapping[str, KindModel],
    space: ReactionSpace,
    known: Events,
    later: Events,
    base: Background,
    seed: int = 0,
) -> dict[str, tuple[Reliability, Reliability]]:
    """Outcome to the reliability of the bare score and of the calibrated probability, on `later`.

    The bare score's probability is what its training objective would have it: the logistic of the
    scaled dot product.
    """
    pairs = read_pairs(later, space.config)
    judged = {}
    for name, model in kinds.items():
        if name not in pairs.names or not len(pairs.person):
            continue
        asked = ask(model.question, pairs, pairs.names.index(name), known, seed)
        row = base.names.index(name)
        signal = signals(space, known, asked.person, asked.post, row, base)
        judged[name] = (
            reliability(expit(signal[:, 0]), asked.happened, asked.weight),
            reliability(model(signal), asked.happened, asked.weight),
        )
    return judged


def _logistic(
    question: Question, signal: np.ndarray, happened: np.ndarray, weight: np.ndarray
) -> KindModel:
    from sklearn.linear_model import LogisticRegression

    centre, spread = signal.mean(axis=0), signal.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf)  # a constant signal gets the weight 0
    model = LogisticRegression(max_iter=1000)
    model.fit((signal - centre) / spread, happened, sample_weight=weight)
    weights = model.coef_[0] / spread
    intercept = float(np.ravel(model.intercept_)[0] - weights @ centre)
    return KindModel(question, tuple(map(float, weights)), intercept, len(happened))
