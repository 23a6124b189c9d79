"""What another policy would have been worth, from the log of the one that answered.

Reactions are known for what was shown only. A post that the policy would show w times as often as
it was shown counts w times: with the probabilities of both known, the mean is then right in
expectation, whatever people like (Horvitz and Thompson 1952; for recommendation Li, Chu, Langford
and Wang, Unbiased Offline Evaluation of Contextual-bandit-based News Article Recommendation
Algorithms, WSDM 2011, arXiv 1003.5956). Weights are of a post at a place, not of a whole list:
that asks only that a post's reward depends on itself and its place, and not on its neighbours in
the list (the item-position model of Li et al., Offline Evaluation of Ranking Policies with Click
Models, KDD 2018, arXiv 1804.10488); whole lists repeat far too seldom.
"""

import math
from dataclasses import dataclass

import numpy as np

from recsys.experiments.logs import Aligned, PolicyPosts, ShownPosts, aligned
from recsys.experiments.ratio import Interval, Ratio
from recsys.experiments.reward_model import FOLDS, RewardModel, folds
from training.errors import BadData

LEAST_EFFECTIVE = 50
_SURE = 0.999


@dataclass(frozen=True)
class PolicyValue:
    """Value per shown post of a policy, each with a 95 % interval over people.

    Attributes:
        logged: of the policy that answered, as it was seen.
        naive: mean of what was shown and the policy would show, too; biased, to compare with.
        ips: inverse propensity; unbiased, and wide where weights are large.
        self_normalised: the weighted mean; nearly unbiased, and narrower (Swaminathan and Joachims,
            The Self-Normalized Estimator for Counterfactual Learning, NIPS 2015).
        clipped: with weights of at most `clip`; too low by what is cut off, and narrower.
        doubly_robust: a model of rewards, corrected by weighted errors (Dudík, Langford and Li,
            Doubly Robust Policy Evaluation and Learning, ICML 2011, arXiv 1103.4601).
        support: mean weight; 1 but for chance if the log covers what the policy would show.
        effective: how many unweighted posts these weighted ones are worth (Kish 1965).
        clip: the largest weight of `clipped`.
        posts: places that were compared.
        people: whose.
    """

    logged: Interval
    naive: Interval
    ips: Interval
    self_normalised: Interval
    clipped: Interval
    doubly_robust: Interval
    support: float
    effective: float
    clip: float
    posts: int
    people: int


def estimate(
    shown: ShownPosts,
    policy: PolicyPosts,
    *,
    clip: float | None = None,
    least_effective: float = LEAST_EFFECTIVE,
) -> PolicyValue:
    """The value of a policy at the places of the log that it was asked about.

    Args:
        shown: the log.
        policy: what it would have shown there; drawn independently of what was shown.
        clip: the largest weight of `clipped`; None: the root of the number of places (Ionides,
            Truncated Importance Sampling, 2008).
        least_effective: below so many effective posts there is no answer.
    Raises: BadData where a propensity isn't above 0, where the log lacks what the policy would
        show, where propensities contradict the log, and where too little of it counts.
    """
    both = aligned(shown, policy)
    log, weight = both.shown, both.weight
    by_person = _ByPerson(log.person)
    _check_support(by_person, weight)
    total, squares = float(weight.sum()), float((weight**2).sum())
    effective = total**2 / squares if squares > 0 else 0.0
    if effective < least_effective:
        raise BadData(
            f"the {len(log)} posts that were shown are worth {effective:.1f} under the policy's "
            f"weights, and {least_effective:g} is the least that is answered for",
            hint="wait for more exposures, explore more, or compare a policy nearer to the log's",
        )
    clip = math.sqrt(len(log)) if clip is None else clip
    ones, reward = np.ones(len(log)), log.reward
    matched = (both.probability > 0).astype(float)
    return PolicyValue(
        logged=by_person.ratio(reward, ones).interval(),
        naive=by_person.ratio(matched * reward, matched).interval(),
        ips=by_person.ratio(weight * reward, ones).interval(),
        self_normalised=by_person.ratio(weight * reward, weight).interval(),
        clipped=by_person.ratio(np.minimum(weight, clip) * reward, ones).interval(),
        doubly_robust=by_person.ratio(_doubly_robust(both), ones).interval(),
        support=float(weight.mean()),
        effective=effective,
        clip=clip,
        posts=len(log),
        people=by_person.people,
    )


class _ByPerson:
    """Sums of rows by person."""

    def __init__(self, person: np.ndarray) -> None:
        names, self._which = np.unique(person, return_inverse=True)
        self.people = len(names)

    def ratio(self, above: np.ndarray, below: np.ndarray) -> Ratio:
        """Of the sums of two (N,) columns."""
        return Ratio(*(np.bincount(self._which, column, self.people) for column in (above, below)))


def _check_support(by_person: _ByPerson, weight: np.ndarray) -> None:
    """Weights have mean 1 where all that the policy shows could have been shown.

    Whatever never could, is missing from the log, and its share from the mean. This is all that a
    log can tell; a probability that was logged as too small makes the mean too large.
    """
    mean = by_person.ratio(weight, np.ones(len(weight))).interval(_SURE)
    if mean.high < 1 - 1e-6:
        raise BadData(
            f"the log lacks support: of what the policy would show, only about {mean.value:.0%} "
            f"(at most {mean.high:.0%}) could be shown by the policy that answered",
            hint="let the answering policy explore: what it never shows can't be valued",
        )
    if mean.low > 1 + 1e-6:
        raise BadData(
            f"the propensities contradict the log: weights have mean {mean.value:.2f} and not 1",
            hint="a logged propensity must be the probability of the post at this place over all "
            "random draws; and the policy's draws must be independent of those",
        )


def _doubly_robust(both: Aligned) -> np.ndarray:
    """(N,) per place: what the model expects of the policy, and the weighted error at what came."""
    log, policy = both.shown, both.policy
    fold = folds(log.person)
    expected, here = np.zeros(len(log)), np.zeros(len(log))
    for number in range(FOLDS):
        inside = fold == number
        others = log.only(~inside)
        model = RewardModel.fit(others.position, others.post, others.reward)
        here[inside] = model.predict(log.position[inside].tolist(), log.post[inside].tolist())
        theirs = inside[both.row]
        guess = model.predict(policy.position[theirs].tolist(), policy.post[theirs].tolist())
        np.add.at(expected, both.row[theirs], policy.probability[theirs] * guess)
    return expected + both.weight * (log.reward - here)
