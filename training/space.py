"""The model that everyone downstream uses: encoders, towers and known people, in one folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from training.encoders import Encoder, load_encoder
from training.errors import BadData
from training.modalities import History, PostFeatures
from training.model import JointSpace
from training.query_weights import QueryWeights
from training.towers import FORMAT, SPACE_FILE, USERS_FILE, WEIGHTS_FILE, Towers

IMAGE_ENCODER, TEXT_ENCODER = "image_encoder", "text_encoder"


@dataclass(frozen=True)
class RawPost:
    """A post as people write it; one of image and text at least.

    Attributes:
        text: what it says.
        image: encoded picture (JPEG, PNG, WebP, …).
        weight: how much it counts in a history; see `History.weight`.
    """

    text: str | None = None
    image: bytes | None = None
    weight: float = 1.0


class Space(Towers):
    """One version of the embedding space: encodes people, images, texts and posts.

    All embeddings are (N, D) float32 unit rows in one space; their dot product is the similarity.

    Args:
        joint: the trained towers.
        image_encoder: raw images to features.
        text_encoder: raw texts to features.
        users: ids of the people who have a learned vector, in its order.
        query_weights: direction to block weights; the layout's defaults if None.
    """

    def __init__(
        self,
        joint: JointSpace,
        image_encoder: Encoder,
        text_encoder: Encoder,
        users: Sequence[str],
        query_weights: QueryWeights | None = None,
    ) -> None:
        super().__init__(joint, users, query_weights)
        self.image_encoder, self.text_encoder = image_encoder.eval(), text_encoder.eval()

    def to(self, device: torch.device | str) -> Self:
        """Move towers and encoders; returns self."""
        for module in (self.image_encoder, self.text_encoder):
            module.to(device)
        return super().to(device)

    # -- raw content -------------------------------------------------------------------------

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """N texts to (N, D)."""
        return self.embed_texts(self.text_encoder.encode(texts))

    def encode_image(self, images: Sequence[bytes]) -> np.ndarray:
        """N encoded pictures to (N, D). Raises: BadData naming the picture that can't be read."""
        return self.embed_images(self.image_encoder.encode(images))

    def encode_post(self, posts: Sequence[RawPost]) -> np.ndarray:
        """N posts to (N, D). Raises: BadData naming the post that has neither image nor text."""
        return self.embed_posts(self.features(posts))

    def encode_user(
        self,
        histories: Sequence[Sequence[RawPost]],
        user_ids: Sequence[str | None] | None = None,
    ) -> np.ndarray:
        """N people to (N, D), from what they posted or liked and, where known, who they are.

        Args:
            histories: posts of each person; may be empty for a known person.
            user_ids: who they are; None for people never seen in training.
        Raises: NotFound naming a person with neither a known id nor a post.
        """
        posts = [post for history in histories for post in history]
        owner = [person for person, history in enumerate(histories) for _ in history]
        history = History(
            self.features(posts),
            torch.tensor(owner, dtype=torch.long),
            torch.tensor([post.weight for post in posts], dtype=torch.float32),
            len(histories),
        )
        return self.embed_users(history, user_ids or [None] * len(histories))

    def features(self, posts: Sequence[RawPost]) -> PostFeatures:
        """Encoder features of N posts. Raises: BadData naming the post that holds nothing."""
        for number, post in enumerate(posts):
            if post.image is None and not post.text:
                raise BadData(f"post {number} has neither an image nor a text")
        image, has_image = _encode_present(self.image_encoder, [post.image for post in posts])
        text, has_text = _encode_present(self.text_encoder, [post.text or None for post in posts])
        return PostFeatures(image, has_image, text, has_text)

    # -- disk --------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        """Write safetensors and JSON; encoders by name, with weights only where tuned."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {n: t.detach().cpu().contiguous() for n, t in self.joint.state_dict().items()}
        save_file(weights, folder / WEIGHTS_FILE)
        shape = {
            "format": FORMAT,
            "model": self.joint.config.model_dump(mode="json"),
            "image_features": self.image_encoder.dimension,
            "text_features": self.text_encoder.dimension,
            "query_weights": self.query_weights,
        }
        (folder / SPACE_FILE).write_text(json.dumps(shape, indent=1), encoding="utf-8")
        (folder / USERS_FILE).write_text(json.dumps(self.users), encoding="utf-8")
        self.image_encoder.save(folder / IMAGE_ENCODER)
        self.text_encoder.save(folder / TEXT_ENCODER)

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> Self:
        """Read what `save` wrote. Raises: BadData naming what is missing or of a later format."""
        towers = Towers.load(folder)
        image = load_encoder(folder / IMAGE_ENCODER)
        text = load_encoder(folder / TEXT_ENCODER)
        return cls(towers.joint, image, text, towers.users, towers.query_weights).to(device)


def _encode_present(encoder: Encoder, raw: Sequence[bytes | str | None]) -> tuple[Tensor, Tensor]:
    """Features where there is content, masked rows elsewhere: (N, F) and (N,) bool."""
    present = torch.tensor([item is not None for item in raw], dtype=torch.bool)
    features = torch.zeros(len(raw), encoder.dimension)
    if bool(present.any()):
        features[present] = encoder.encode([item for item in raw if item is not None]).cpu()  # type: ignore[arg-type]
    return features, present
