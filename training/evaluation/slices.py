"""For whom a space works and for whom it does not: results by kind of person and kind of post."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.embedded import Direction
from training.evaluation.intervals import Interval
from training.evaluation.query_intervals import query_intervals
from training.evaluation.retrieval import QueryResults
from training.examples import Examples

_SIZES = (("1 to 3 posts", 1, 3), ("4 to 10 posts", 4, 10), ("more than 10 posts", 11, np.inf))


@dataclass(frozen=True)
class Slice:
    """A part of the queries, chosen by who is behind them or by what they are.

    Attributes:
        name: for tables.
        people: (U,) bool; None if the slice is one of posts.
        posts: (N,) bool over the evaluation posts; None if the slice is one of people.
    """

    name: str
    people: np.ndarray | None = None
    posts: np.ndarray | None = None

    def mask(self, direction: Direction, results: QueryResults) -> np.ndarray | None:
        """(Q,) bool: its queries in a direction; None if the slice says nothing about it."""
        if self.people is not None:
            return self.people[results.person] if direction.has_people else None
        if self.posts is None or direction.query == "user":
            return None
        return self.posts[results.queries]


@dataclass(frozen=True)
class SliceResult:
    """A direction's headline metric on a slice.

    Attributes:
        queries: how many there are.
        metric: the headline of the direction.
        value: with its interval, resampled by person.
    """

    queries: int
    metric: str
    value: Interval


SliceResults = Mapping[str, Mapping[str, SliceResult]]
"""Slice to direction to result; what has no query is left out."""


def slices_of(examples: Examples, known: np.ndarray, split: str) -> list[Slice]:
    """People by their training posts, cold people, posts by what they hold, posts of new content.

    Args:
        examples: people, posts, histories.
        known: (U,) bool: who has a learned vector in the model.
        split: whose posts are the queries.
    """
    author, rows = examples.keys.author.numpy(), examples.rows(split)
    posts = np.bincount(author[examples.rows("train").numpy()], minlength=len(examples.users))
    history = np.diff(examples.history_start.numpy())
    image, text = (getattr(examples.features, f"has_{m}")[rows].numpy() for m in ("image", "text"))
    repeated = _seen_in_training(examples, split)
    return [
        *(Slice(f"people with {n}", (posts >= low) & (posts <= high)) for n, low, high in _SIZES),
        Slice("people new to the model, placed by their posts", ~known & (history > 0)),
        Slice("cold people: nothing known of them", ~known & (history == 0)),
        Slice("known people without a training post", known & (history == 0)),
        Slice("posts with image and text", posts=image & text),
        Slice("posts with only an image", posts=image & ~text),
        Slice("posts with only a text", posts=text & ~image),
        Slice("cold posts: neither text nor image seen in training", posts=~repeated),
        Slice("posts whose text or image is in training too", posts=repeated),
    ]


def slice_results(
    results: Mapping[Direction, QueryResults], slices: Sequence[Slice]
) -> SliceResults:
    """Each slice's results, in the order given; slices without any query are left out."""
    found: dict[str, dict[str, SliceResult]] = {}
    for each in slices:
        for direction, all_queries in results.items():
            mask = each.mask(direction, all_queries)
            if mask is None or not mask.any():
                continue
            chosen, metric = all_queries.where(mask), direction.headline
            value = query_intervals(chosen, [metric])[metric]
            found.setdefault(each.name, {})[direction.value] = SliceResult(
                len(chosen), metric, value
            )
    return found


def _seen_in_training(examples: Examples, split: str) -> np.ndarray:
    """(N,) bool: evaluation posts whose very text or very image a training post has."""
    train, rows = examples.rows("train").numpy(), examples.rows(split).numpy()
    seen = np.zeros(len(rows), dtype=bool)
    for numbers in (examples.keys.text.numpy(), examples.keys.image.numpy()):
        seen |= np.isin(numbers[rows], numbers[train])
    return seen
