"""Which posts stand for a person: their own, and those they reacted to with approval."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

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
