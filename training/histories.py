"""Which posts stand for a person: their own, and those they reacted to with approval."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field, NonNegativeFloat

from training.config import Config

if TYPE_CHECKING:
    import pyarrow as pa


class HistoryConfig(Config):
    """How much a post counts in a person's history. Training and recommending share it."""

    own: NonNegativeFloat = 1.0
    """Weight of an own post."""
    kinds: dict[str, NonNegativeFloat] = Field(
        default={
            "like": 1.0,
            "save": 1.0,
            "share": 1.0,
            "rate": 1.0,
            "comment": 0.5,
            "follow": 0.5,
            "click": 0.25,
        }
    )
    """Weight of a reaction by kind; a kind that isn't named here says nothing about taste."""
    approving: dict[str, float] = Field(default={"rate": 3.5})
    """Least value that is approval, by kind. Elsewhere a value above 0 or none at all is."""


def approval(kind: str, value: float | None, config: HistoryConfig) -> float:
    """How much one reaction speaks for its post: >= 0, and 0 if not at all.

    Args:
        kind: of the reaction.
        value: of the reaction, if it has one (a rating, a count).
        config: weights and thresholds.
    """
    weight = config.kinds.get(kind, 0.0)
    if kind in config.approving:
        return weight if value is not None and value >= config.approving[kind] else 0.0
    return weight if value is None or value > 0 else 0.0


def histories(
    post_ids: Iterable[str],
    user_ids: Iterable[str],
    reactions: "pa.Table",
    config: HistoryConfig,
    users: Sequence[str] | None = None,
) -> dict[str, list[tuple[int, float]]]:
    """The history of each person as rows of the posts.

    Args:
        post_ids: of the N posts, unique.
        user_ids: the N authors.
        reactions: columns user_id, post_id, kind, value; rows about other posts are passed over.
        config: what counts how much.
        users: people to answer for; None: everyone with a history, in order of their ids.
    Returns: user id to (row, weight), rows ascending, each row once with its largest weight; empty
        for people of `users` without a history.
    """
    row_of = {str(post_id): row for row, post_id in enumerate(post_ids)}
    weights: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for row, author in enumerate(user_ids):
        weights[str(author)][row] = config.own
    columns = (reactions[name].to_pylist() for name in ("user_id", "post_id", "kind", "value"))
    for user, post_id, kind, value in zip(*columns, strict=True):
        row = row_of.get(post_id)
        if row is not None:
            weight = approval(kind, value, config)
            weights[user][row] = max(weight, weights[user].get(row, 0.0))
    found = {
        user: [(row, weight) for row, weight in sorted(own.items()) if weight > 0]
        for user, own in sorted(weights.items())
    }
    if users is not None:
        return {user: found.get(user, []) for user in users}
    return {user: history for user, history in found.items() if history}


@dataclass(frozen=True)
class HistoryArrays:
    """The histories of many people as flat arrays, person by person.

    Attributes:
        rows: (H,) int64 rows of posts, ascending within a person.
        weight: (H,) float32.
        start: (U + 1,) int64; person u has `rows[start[u]:start[u + 1]]`.
        present: (U,) bool: who has a history, looking at all posts and not only those kept.
    """

    rows: np.ndarray
    weight: np.ndarray
    start: np.ndarray
    present: np.ndarray


def history_arrays(
    authors: np.ndarray,
    reactions: Iterable["pa.RecordBatch"],
    people: np.ndarray,
    post_hashes: np.ndarray,
    kept: np.ndarray,
    config: HistoryConfig,
) -> HistoryArrays:
    """As `histories`, in some 30 bytes a post and a reaction.

    Args:
        authors: (N,) numbers of the posts' authors among the people.
        reactions: columns user_id, post_id, kind, value; those about other posts or by other people
            are passed over.
        people: (U,) text, ascending.
        post_hashes: (N,) uint64, see `identity.hash_id`.
        kept: (N,) bool: posts that may stand in a history.
        config: what counts how much.
    """
    from training.data.identity import hash_id

    order = np.argsort(post_hashes)
    ordered = post_hashes[order]
    count = len(authors)
    present = np.zeros(len(people), bool)
    keys, weights = [], []
    if config.own > 0:
        present[authors] = True
        own = np.flatnonzero(kept)
        keys.append(authors[own].astype(np.int64) * count + own)
        weights.append(np.full(len(own), config.own, np.float32))
    for batch in reactions:
        users, posts, kinds, values = (
            batch.column(name).to_pylist() for name in ("user_id", "post_id", "kind", "value")
        )
        weight = np.array(
            [approval(kind, value, config) for kind, value in zip(kinds, values, strict=True)],
            np.float32,
        )
        hashes = np.array([hash_id(post) for post in posts], np.uint64)
        person, known = _places(people, np.array(users, np.str_))
        at, there = _places(ordered, hashes)
        counts = known & there & (weight > 0)
        present[person[counts]] = True
        row = order[at]
        counts &= kept[row]
        keys.append(person[counts].astype(np.int64) * count + row[counts])
        weights.append(weight[counts])
    return _gathered(keys, weights, present, count)


def _gathered(
    keys: list[np.ndarray], weights: list[np.ndarray], present: np.ndarray, posts: int
) -> HistoryArrays:
    """Sort by person and row; of one row's weights the largest stays."""
    key = np.concatenate(keys) if keys else np.empty(0, np.int64)
    weight = np.concatenate(weights) if weights else np.empty(0, np.float32)
    order = np.argsort(key, kind="stable")
    key, weight = key[order], weight[order]
    firsts = np.flatnonzero(np.diff(key, prepend=-1))
    if len(firsts):
        key, weight = key[firsts], np.maximum.reduceat(weight, firsts)
    start = np.searchsorted(key, np.arange(len(present) + 1) * posts)
    return HistoryArrays(key % max(posts, 1), weight, start, present)


def _places(ordered: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each value stands in an ascending array, and whether it is there."""
    if not len(ordered):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return at, ordered[at] == wanted
