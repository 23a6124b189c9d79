"""One contender's lists, measured: accuracy by slices, and what is beyond accuracy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recsys.evaluation.baselines import content_block
from recsys.evaluation.contender import Fitted, positives_of
from recsys.evaluation.metrics.accuracy import MEASURES, accuracy
from recsys.evaluation.metrics.calibration import category_shares, miscalibration
from recsys.evaluation.metrics.diversity import intra_list_diversity
from recsys.evaluation.metrics.exposure import coverage, exposure, gini, unfairness
from recsys.evaluation.metrics.novelty import novelty
from recsys.evaluation.network import Network
from recsys.evaluation.slices import ALL, Slice
from recsys.evaluation.split import Split

DIVERSITY, NOVELTY, MISCALIBRATION = "diversity", "novelty", "miscalibration"
COVERAGE, GINI, UNFAIRNESS = "coverage", "gini", "unfairness"
BEYOND = (COVERAGE, DIVERSITY, NOVELTY, GINI, UNFAIRNESS, MISCALIBRATION)
HIGHER_IS_BETTER = frozenset({*MEASURES, COVERAGE, DIVERSITY, NOVELTY})


@dataclass(frozen=True)
class Measured:
    """What one contender was worth.

    Attributes:
        slices: slice to measure to (P,) value of each person of the slice.
        people: measure to (P,) value of each person of the split; NaN where it says nothing.
        whole: measure to one value of all lists together; NaN where it says nothing.
    """

    slices: dict[str, dict[str, np.ndarray]]
    people: dict[str, np.ndarray]
    whole: dict[str, float]


class Judge:
    """Measures the lists of any contender on one split by the same rules.

    Args:
        network: the whole of it, for true authors and categories.
        split: of it.
        slices: of the split.
        cutoff: of what is measured beyond accuracy.
        depth: of the lists.
    """

    def __init__(
        self, network: Network, split: Split, slices: Sequence[Slice], cutoff: int, depth: int
    ) -> None:
        training, likes = split.training, split.training.held.likes()
        self._split, self._slices = split, slices
        self._cutoff, self._depth = cutoff, depth
        self._allowed = training.allowed(split.people)
        self._likes, self._users = likes.count(), len(np.unique(training.events.person))
        self._histories = positives_of(split.people, likes.person, likes.post)
        self._merit = split.test.count()
        authors = [post.user_id for post in network.posts]
        self._authors = np.unique(np.asarray(authors), return_inverse=True)[1]
        self._shares = category_shares(network.categories)
        features = training.features
        there = [m for m in ("text", "image") if getattr(features, m).shape[1]]
        # as encoders give them: whitened, hardly any two posts are alike, and nothing can be gained
        self._content = content_block(training, tuple(there), whitened=False) if there else None

    def lists(self, fitted: Fitted) -> list[np.ndarray]:
        """A contender's lists for everyone. Raises: ValueError if one breaks the rules."""
        return self._ask(fitted, np.arange(len(self._split.people)), self._allowed)

    def measure(self, fitted: Fitted) -> tuple[list[np.ndarray], Measured]:
        """A contender's lists, and all that is measured of it."""
        lists = self.lists(fitted)
        slices = {}
        for part in self._slices:
            chosen = [lists[row] for row in part.rows]
            if part.candidates is not None:
                allowed = self._allowed[part.rows] & part.candidates
                chosen = self._ask(fitted, part.rows, allowed)
            slices[part.name] = accuracy(chosen, part.positives)
        return lists, Measured(slices, *self.beyond(lists))

    def accuracy(self, lists: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Measure to (P,) of lists for everyone."""
        (whole,) = (part for part in self._slices if part.name == ALL)
        return accuracy(lists, whole.positives)

    def beyond(self, lists: Sequence[np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, float]]:
        """What lists are worth beyond accuracy: of each person (P,), and of all together."""
        top = [rows[: self._cutoff] for rows in lists]
        nothing = np.full(len(top), np.nan)
        people = {
            DIVERSITY: nothing
            if self._content is None
            else intra_list_diversity(top, self._content),
            NOVELTY: novelty(top, self._likes, self._users),
            MISCALIBRATION: miscalibration(self._histories, top, self._shares),
        }
        candidates = self._split.training.candidates
        exposed = exposure(top, len(candidates))
        whole = {
            COVERAGE: coverage(top, candidates),
            GINI: gini(exposed[candidates]),
            UNFAIRNESS: unfairness(exposed, self._merit, self._authors),
        }
        return people, whole

    def _ask(self, fitted: Fitted, rows: np.ndarray, allowed: np.ndarray) -> list[np.ndarray]:
        lists = fitted.recommend(self._split.people[rows], self._depth, allowed)
        for free, found in zip(allowed, lists, strict=True):
            if len(found) > self._depth or len(np.unique(found)) < len(found):
                raise ValueError("a list is too long, or holds a post twice")
            if not free[found].all():
                raise ValueError("a list holds a post that may not be recommended to the person")
        return lists
