"""What was shown, with which probability and what came of it; and what another policy would show.

The place of a list is the unit: a request for ten posts has ten of them. What a policy does is the
probability with which it shows a post at a place of a request.
"""

from dataclasses import dataclass

import numpy as np

from training.errors import BadData

_ROUNDING = 1e-6


@dataclass(frozen=True)
class ShownPosts:
    """The log, one row a post that was shown; no two rows of the same request and position.

    Attributes:
        request: (N,) text, which answer it was part of.
        person: (N,) text, to whom.
        position: (N,) int, its place in the list.
        post: (N,) text.
        propensity: (N,) float in (0, 1], the probability with which the policy that answered put
            this post at this place of this request, over all its random draws.
        reward: (N,) float, what its reactions were worth.
    """

    request: np.ndarray
    person: np.ndarray
    position: np.ndarray
    post: np.ndarray
    propensity: np.ndarray
    reward: np.ndarray

    def __len__(self) -> int:
        return len(self.request)

    def only(self, rows: np.ndarray) -> "ShownPosts":
        """Those of the rows, by (N,) bool or by index."""
        return ShownPosts(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def check(self) -> None:
        """Raises: BadData for a propensity that isn't in (0, 1], or a place that is there twice."""
        bad = ~((self.propensity > 0) & (self.propensity <= 1 + _ROUNDING))  # NaN, too
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise BadData(
                f"{int(bad.sum())} of {len(self)} exposures have a propensity that isn't above 0 "
                f"and at most 1, the first of them {self.propensity[row]} (request "
                f"{str(self.request[row])!r}, position {self.position[row]})",
                hint="what was shown had some probability: log it, or leave these exposures out",
            )
        pairs = np.stack([np.unique(self.request, return_inverse=True)[1], self.position])
        if len(np.unique(pairs, axis=1).T) < len(self):
            raise BadData("the log has two posts at the same place of the same request")


@dataclass(frozen=True)
class PolicyPosts:
    """What a policy would show, one row a post that it gives a place some probability.

    Attributes:
        request: (M,) text, as in the log.
        position: (M,) int.
        post: (M,) text.
        probability: (M,) float in [0, 1]; those of one place of a request sum to 1.
    """

    request: np.ndarray
    position: np.ndarray
    post: np.ndarray
    probability: np.ndarray

    def __len__(self) -> int:
        return len(self.request)

    def check(self) -> None:
        """Raises: BadData for probabilities out of range, or that don't sum to 1 at a place."""
        bad = ~((self.probability >= 0) & (self.probability <= 1 + _ROUNDING))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise BadData(
                f"the policy's probabilities must be from 0 to 1; one is {self.probability[row]} "
                f"(request {str(self.request[row])!r}, position {self.position[row]})"
            )
        if len(self) == 0:
            return
        pairs = np.stack([np.unique(self.request, return_inverse=True)[1], self.position])
        place = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)
        sums = np.bincount(place, self.probability)
        off = np.abs(sums - 1) > 1e-3
        if off.any():
            row = int(np.flatnonzero(off[place])[0])
            raise BadData(
                f"the policy's probabilities must sum to 1 at every place of a request; at "
                f"position {self.position[row]} of {str(self.request[row])!r} they sum to "
                f"{sums[place[row]]:.4f}"
            )


@dataclass(frozen=True)
class Aligned:
    """The log beside what the policy does at the same places.

    Attributes:
        shown: (N,) rows of the log, those that the policy was asked about.
        probability: (N,) float, the policy's for the post that was shown.
        row: (M,) int, for each of the policy's posts the row of `shown` at the same place.
        policy: (M,) the policy's posts at these places.
    """

    shown: ShownPosts
    probability: np.ndarray
    row: np.ndarray
    policy: PolicyPosts

    @property
    def weight(self) -> np.ndarray:
        """(N,) float ≥ 0, how much oftener the policy would show what was shown."""
        return self.probability / self.shown.propensity


def aligned(shown: ShownPosts, policy: PolicyPosts) -> Aligned:
    """Both at the places that both know.

    Raises: BadData as `check` of either, and where they have no place in common.
    """
    shown.check()
    policy.check()
    row_of = {
        place: row
        for row, place in enumerate(zip(shown.request, shown.position.tolist(), strict=True))
    }
    places = zip(policy.request, policy.position.tolist(), strict=True)
    rows = np.array([row_of.get(place, -1) for place in places], dtype=np.int64)
    kept = rows >= 0
    if not kept.any():
        raise BadData(
            "the policy says nothing about any place that is in the log",
            hint="its requests and positions must be those of the exposures",
        )
    known, row = np.unique(rows[kept], return_inverse=True)
    theirs = PolicyPosts(
        policy.request[kept], policy.position[kept], policy.post[kept], policy.probability[kept]
    )
    log = shown.only(known)
    probability = np.zeros(len(log))
    same = theirs.post == log.post[row]
    np.add.at(probability, row[same], theirs.probability[same])
    return Aligned(log, probability, row, theirs)
