"""The space of reactions: people and posts as unit vectors whose dot product ranks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from training.errors import BadData
from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig
from training.reactions.content import Content
from training.reactions.decay import history_weights
from training.reactions.events import Reaction, events_of
from training.reactions.layout import person_vectors, post_vectors
from training.reactions.opinions import Opinions, opinions

FORMAT = 2
SHAPE_FILE, WEIGHTS_FILE = "reactions.json", "reactions.safetensors"


@dataclass(frozen=True)
class ReactionSpace:
    """What was learned from reactions; a person is a pure function of what they reacted to.

    Attributes:
        config: how it was made.
        post_ids: of the N posts.
        source: (N, d) float32, of a post in a history.
        vectors: (N, D) float32 unit rows, of a post as a candidate; see `layout`.
        content_block: (N, C) float32 unit rows, zero for a post without content.
        popularity: (N,) float32, share of all likes; stands in for an empty history.
        content: makes content of features.
        ridge: (W, d) float32, from content to the reactions' block.
        lift: of posts that nobody likes, in raw scores.
        scale: M of `layout.post_vectors`.
        temperature: by which fine-tuning multiplied the dot product.
    """

    config: ReactionConfig
    post_ids: tuple[str, ...]
    source: np.ndarray
    vectors: np.ndarray
    content_block: np.ndarray
    popularity: np.ndarray
    content: Content
    ridge: np.ndarray
    lift: float
    scale: float
    temperature: float

    @property
    def dimension(self) -> int:
        """D, of people and posts."""
        return self.vectors.shape[1]

    def embed_people(self, histories: Sequence[Sequence[Reaction]]) -> np.ndarray:
        """People from their reactions alone, known to training or not.

        Args:
            histories: of B people; those without an opinion on a known post are placed where
                everyone together is.
        Returns: (B, D) float32 unit rows.
        """
        return self.place(opinions(events_of(histories, self.post_ids), self.config))

    def place(self, held: Opinions) -> np.ndarray:
        """(B, D) float32 unit rows of the B people of `held`."""
        half_life = self.config.half_life_days
        taste = held.matrix(history_weights(held, self.config.recency, half_life))
        recent = held.matrix(history_weights(held, self.config.content_recency, half_life))
        silent = np.bincount(held.person[held.weight > 0], minlength=held.people) == 0
        # whoever liked nothing yet starts from what everyone likes, dislikes taken off
        return person_vectors(
            taste @ self.source + np.outer(silent, self.popularity @ self.source),
            recent @ self.content_block + np.outer(silent, self.popularity @ self.content_block),
            self.config.content_weight,
        )

    def embed_posts(self, features: PostFeatures) -> np.ndarray:
        """Posts from their content alone, as new posts are. Returns: (N, D) float32 unit rows."""
        return post_vectors(
            self.content.design(features) @ self.ridge,
            self.content.block(features),
            self.config.content_weight,
            np.full(len(features), self.lift, dtype=np.float32),
            self.scale,
        )

    def scores(self, held: Opinions) -> np.ndarray:
        """(B, N) dot products of the B people of `held` with all known posts."""
        return self.place(held) @ self.vectors.T

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        tensors = {n: torch.from_numpy(np.ascontiguousarray(a)) for n, a in arrays.items()}
        save_file({**tensors, **self.content.state()}, folder / WEIGHTS_FILE)
        shape = {
            "format": FORMAT,
            "config": self.config.model_dump(mode="json"),
            "post_ids": self.post_ids,
            "lift": self.lift,
            "scale": self.scale,
            "temperature": self.temperature,
        }
        (folder / SHAPE_FILE).write_text(json.dumps(shape), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises: BadData if it isn't there, or of a later format."""
        try:
            shape = json.loads((folder / SHAPE_FILE).read_text(encoding="utf-8"))
            tensors = load_file(folder / WEIGHTS_FILE)
        except (OSError, ValueError, SafetensorError) as error:
            raise BadData(f"{folder} holds no readable space of reactions: {error}") from None
        if shape["format"] != FORMAT:
            raise BadData(f"{folder} has format {shape['format']}; this release reads {FORMAT}")
        config = ReactionConfig.parse(shape["config"])
        return cls(
            config=config,
            post_ids=tuple(shape["post_ids"]),
            content=Content.of_state(tensors, config.content_dimension),
            lift=shape["lift"],
            scale=shape["scale"],
            temperature=shape["temperature"],
            **{name: tensors[name].numpy() for name in _ARRAYS},
        )


_ARRAYS = ("source", "vectors", "content_block", "popularity", "ridge")
