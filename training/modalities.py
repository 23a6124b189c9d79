"""Features of posts and histories of people: the currency between features, model, recommender."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import torch
from torch import Tensor


class Modality(StrEnum):
    """What a point of the space stands for; a post is the union of its image and its text."""

    USER = "user"
    IMAGE = "image"
    TEXT = "text"
    POST = "post"


@dataclass(frozen=True)
class PostFeatures:
    """Frozen-encoder features of N posts, row by row.

    An absent modality is masked, never zero-filled in silence: the values of its row are
    meaningless and no module may read them unmasked.

    Attributes:
        image: (N, F_image) float32.
        has_image: (N,) bool.
        text: (N, F_text) float32.
        has_text: (N,) bool.
    """

    image: Tensor
    has_image: Tensor
    text: Tensor
    has_text: Tensor

    def __len__(self) -> int:
        return len(self.has_image)

    def __getitem__(self, rows: Tensor | slice) -> Self:
        """The rows of an index (M,) long, a mask (N,) bool or a slice."""
        return replace(
            self,
            image=self.image[rows],
            has_image=self.has_image[rows],
            text=self.text[rows],
            has_text=self.has_text[rows],
        )

    def blanked(self) -> Self:
        """Absent rows set to zero; still masked, but NaN in them can no longer reach a gradient.

        The gradient of a weight is a sum over all rows, and NaN times a masked zero is NaN.
        """
        return replace(
            self,
            image=torch.where(self.has_image[:, None], self.image, 0.0),
            text=torch.where(self.has_text[:, None], self.text, 0.0),
        )

    def to(self, device: torch.device | str) -> Self:
        """The same features on another device."""
        return replace(
            self,
            image=self.image.to(device, non_blocking=True),
            has_image=self.has_image.to(device, non_blocking=True),
            text=self.text.to(device, non_blocking=True),
            has_text=self.has_text.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class History:
    """What B people posted and reacted to, as one flat list of M posts.

    Attributes:
        posts: features of the M posts.
        owner: (M,) long in [0, B): whose history a post belongs to.
        weight: (M,) float32 >= 0: how much the post counts (reaction value, age); 1 for own posts.
        people: B. A person without a post in `owner` has an empty history.
    """

    posts: PostFeatures
    owner: Tensor
    weight: Tensor
    people: int

    def to(self, device: torch.device | str) -> Self:
        """The same histories on another device."""
        return replace(
            self,
            posts=self.posts.to(device),
            owner=self.owner.to(device),
            weight=self.weight.to(device),
        )

    @classmethod
    def of(cls, features: PostFeatures, rows: Sequence[Sequence[int]]) -> Self:
        """Histories from row numbers of `features`, one sequence a person, all of weight 1."""
        flat = torch.tensor([row for person in rows for row in person], dtype=torch.long)
        owner = torch.tensor([i for i, person in enumerate(rows) for _ in person], dtype=torch.long)
        return cls(features[flat], owner, torch.ones(len(flat)), len(rows))
