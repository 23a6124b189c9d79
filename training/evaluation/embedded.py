"""What an evaluation sees of a model: its embeddings of the evaluation posts and of the people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np


class Direction(StrEnum):
    """Query and candidates of a retrieval; the value is the name in tables and in trackers."""

    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    USER_TO_IMAGE = "user_to_image"
    IMAGE_TO_USER = "image_to_user"
    USER_TO_TEXT = "user_to_text"
    TEXT_TO_USER = "text_to_user"
    USER_TO_POST = "user_to_post"
    POST_TO_USER = "post_to_user"

    @property
    def query(self) -> str:
        """What is asked with: `user`, `image`, `text` or `post`."""
        return self.value.partition("_to_")[0]

    @property
    def candidate(self) -> str:
        """What is ranked: `user`, `image`, `text` or `post`."""
        return self.value.partition("_to_")[2]

    @property
    def arrow(self) -> str:
        """The direction as people read it: `user→image`."""
        return f"{self.query}→{self.candidate}"

    @property
    def has_people(self) -> bool:
        """Whether a person is the query or the candidate."""
        return "user" in (self.query, self.candidate)

    @property
    def headline(self) -> str:
        """The one metric to show: a text mostly has one image, a person many posts."""
        return "map" if self.has_people else "mrr"


@dataclass(frozen=True)
class EmbeddedPosts:
    """One model's embeddings of U people and of the N posts of an evaluation split, unit rows.

    What a model has no tower for is None, and its directions are left out of the results. What it
    has a tower for but can't place (a person without a usable post, a post without the modality
    that a unimodal model reads) is masked by `has_user` and `has_post`: it stays in the ranking and
    comes last, so that all models are ranked against the same candidates.

    Attributes:
        users: (U, D) float32; every row is a candidate of the *_to_user directions.
        images: (N, D) float32, or None.
        has_image: (N,) bool: whether the post has an image at all; else it is in no image ranking.
        texts: (N, D) float32, or None.
        has_text: (N,) bool, likewise.
        posts: (N, D) float32 of whole posts, or None.
        author: (N,) int, row of `users`; -1 if the author has no row: the post is then a negative
            for every person and a query for none.
        text_group: (N,) int: posts of equal text share a number and match each other's images.
        has_user: (U,) bool, or None for all.
        has_post: (N,) bool, or None for all.
        query_weights: direction to (D,) weights that its queries are multiplied by; a direction
            that is not named, or None, asks with the embeddings as they are.
    """

    users: np.ndarray
    images: np.ndarray | None
    has_image: np.ndarray
    texts: np.ndarray | None
    has_text: np.ndarray
    posts: np.ndarray | None
    author: np.ndarray
    text_group: np.ndarray
    has_user: np.ndarray | None = None
    has_post: np.ndarray | None = None
    query_weights: Mapping[str, np.ndarray] | None = None

    def __post_init__(self) -> None:
        """Raises: ValueError naming the attribute whose shape or content does not fit."""
        people, posts = len(self.users), len(self.author)
        for name, length in [("images", posts), ("texts", posts), ("posts", posts)]:
            _check_rows(name, getattr(self, name), length, self.users.shape[1])
        _check_rows("users", self.users, people, self.users.shape[1])
        for name in ("has_image", "has_text", "text_group", "has_post"):
            _check_length(name, getattr(self, name), posts)
        _check_length("has_user", self.has_user, people)
        if posts and (self.author.min() < -1 or self.author.max() >= people):
            raise ValueError(f"author must be in [-1, {people}), a row of users")

    def __len__(self) -> int:
        return len(self.author)

    def asked_with(self, query_weights: Mapping[str, np.ndarray] | None) -> "EmbeddedPosts":
        """The same embeddings with other weights for queries."""
        return replace(self, query_weights=query_weights)


def group_equal(texts: Sequence[str | None]) -> np.ndarray:
    """(N,) int: equal texts (or hashes of texts) share a number >= 0; None gives -1."""
    numbers: dict[str, int] = {}
    return np.array(
        [-1 if text is None else numbers.setdefault(text, len(numbers)) for text in texts],
        dtype=np.int64,
    )


def _check_rows(name: str, values: np.ndarray | None, length: int, dimension: int) -> None:
    if values is None:
        return
    if values.shape != (length, dimension):
        raise ValueError(f"{name} must be ({length}, {dimension}), not {values.shape}")


def _check_length(name: str, values: np.ndarray | None, length: int) -> None:
    if values is not None and values.shape != (length,):
        raise ValueError(f"{name} must be ({length},), not {values.shape}")
