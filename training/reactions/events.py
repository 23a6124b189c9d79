"""Reactions as arrays: who, what, which kind, which value, when."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

MICROSECONDS_A_DAY = 86_400 * 1_000_000


@dataclass(frozen=True)
class Reaction:
    """One reaction of somebody to a known post, for people who were not there in training.

    Attributes:
        post_id: what it is about; a post that the model doesn't know is passed over.
        kind: of the reaction.
        value: if it has one (a rating, a count).
        age_days: how long ago; what counts is the difference within one history.
    """

    post_id: str
    kind: str = "like"
    value: float | None = None
    age_days: float = 0.0


@dataclass(frozen=True)
class Events:
    """M reactions of U people to N posts, in order of person, time and post.

    Attributes:
        users: ids of the U people.
        posts: ids of the N posts.
        kinds: names of the kinds.
        person: (M,) rows of `users`, ascending.
        post: (M,) rows of `posts`.
        kind: (M,) rows of `kinds`.
        value: (M,) float; NaN where the reaction has none.
        day: (M,) float, days since 1970; only differences matter.
    """

    users: tuple[str, ...]
    posts: tuple[str, ...]
    kinds: tuple[str, ...]
    person: np.ndarray
    post: np.ndarray
    kind: np.ndarray
    value: np.ndarray
    day: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def __getitem__(self, chosen: np.ndarray) -> Self:
        """Some of the reactions, by mask or ascending rows; people and posts stay numbered."""
        return replace(
            self,
            person=self.person[chosen],
            post=self.post[chosen],
            kind=self.kind[chosen],
            value=self.value[chosen],
            day=self.day[chosen],
        )


def read_events(reactions: "pa.Table", post_ids: Iterable[str]) -> Events:
    """Clean reactions as arrays.

    Args:
        reactions: columns user_id, post_id, kind, value, created_at; rows about other posts than
            these, and undated rows, are passed over.
        post_ids: of the N posts, unique, in the order of their rows.
    """
    days = reactions["created_at"].cast("int64").to_numpy() / MICROSECONDS_A_DAY
    names = (reactions[name].to_pylist() for name in ("user_id", "post_id", "kind", "value"))
    return _events([*zip(*names, days.tolist(), strict=True)], tuple(map(str, post_ids)))


def events_of(
    histories: Sequence[Sequence[Reaction]],
    post_ids: Iterable[str],
    row_of: Mapping[str, int] | None = None,
) -> Events:
    """Histories of people without a name; person i is row i, also with an empty history.

    Args:
        histories: of the people.
        post_ids: of the N posts, unique, in the order of their rows.
        row_of: the same by id, for who asks often.
    """
    rows = [
        (str(person), each.post_id, each.kind, each.value, -each.age_days)
        for person, history in enumerate(histories)
        for each in history
    ]
    everyone = tuple(str(person) for person in range(len(histories)))
    return _events(rows, tuple(post_ids), everyone, row_of)


def _events(
    rows: list[tuple[str, str, str, float | None, float]],
    posts: tuple[str, ...],
    users: tuple[str, ...] | None = None,
    row_of: Mapping[str, int] | None = None,
) -> Events:
    if row_of is None:
        row_of = {post: row for row, post in enumerate(posts)}
    rows = [row for row in rows if row[1] in row_of and row[4] == row[4]]
    users = tuple(sorted({row[0] for row in rows})) if users is None else users
    kinds = tuple(sorted({row[2] for row in rows}))
    number = {user: i for i, user in enumerate(users)}
    kind_row = {kind: i for i, kind in enumerate(kinds)}
    person = np.array([number[row[0]] for row in rows], dtype=np.int64)
    post = np.array([row_of[row[1]] for row in rows], dtype=np.int64)
    day = np.array([row[4] for row in rows], dtype=np.float64)
    value = np.array([np.nan if row[3] is None else row[3] for row in rows], dtype=np.float64)
    kind = np.array([kind_row[row[2]] for row in rows], dtype=np.int64)
    order = np.lexsort((kind, post, day, person))
    return Events(users, posts, kinds, person, post, kind, value, day)[order]
