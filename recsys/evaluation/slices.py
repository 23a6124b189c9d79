"""Parts of the question that are told apart: cold people, cold posts."""

from dataclasses import dataclass

import numpy as np

from recsys.evaluation.contender import positives_of
from recsys.evaluation.split import Split

ALL, KNOWN_PEOPLE, COLD_PEOPLE = "all", "known_people", "cold_people"
COLD_POSTS, AMONG_COLD = "cold_posts", "among_cold_posts"


@dataclass(frozen=True)
class Slice:
    """Some of the people, and what they are asked.

    Attributes:
        name: see the constants.
        rows: places among the split's people.
        positives: of each of them, rows of the posts that they wanted.
        candidates: (N,) bool: posts that lists are asked of anew; None for the lists as they are.
    """

    name: str
    rows: np.ndarray
    positives: list[np.ndarray]
    candidates: np.ndarray | None = None


def slices_of(split: Split, cold_person: int) -> list[Slice]:
    """All parts that anyone is in.

    `known_people` and `cold_people` have more, or no more, reactions in training than
    `cold_person`. In `cold_posts` only posts to which nobody reacted in training are wanted, in
    `among_cold_posts` only those are recommended, too.
    """
    training, test = split.training, split.test
    people = split.people
    wanted = list(positives_of(people, test.person, test.post))
    reactions = np.bincount(training.events.person, minlength=len(training.users))[people]
    few = reactions <= cold_person
    cold = np.bincount(training.events.post, minlength=len(training.posts)) == 0
    wanted_cold = [each[cold[each]] for each in wanted]
    any_cold = np.array([len(each) > 0 for each in wanted_cold], dtype=bool)
    # where all candidates are cold, the two slices say nothing more than the whole
    some_warm = bool((training.candidates & ~cold).any())
    found = [
        Slice(ALL, np.arange(len(people)), wanted),
        _of(KNOWN_PEOPLE, ~few, wanted),
        _of(COLD_PEOPLE, few, wanted),
    ]
    if some_warm:
        found.append(_of(COLD_POSTS, any_cold, wanted_cold))
        found.append(_of(AMONG_COLD, any_cold, wanted_cold, cold))
    return [each for each in found if len(each.rows)]


def _of(
    name: str, chosen: np.ndarray, wanted: list[np.ndarray], candidates: np.ndarray | None = None
) -> Slice:
    rows = np.flatnonzero(chosen)
    return Slice(name, rows, [wanted[row] for row in rows], candidates)
