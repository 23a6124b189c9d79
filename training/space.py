"""The model that everyone downstream uses: encoders, towers and known people, in one folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.encoders import Encoder, load_encoder
from training.errors import BadData, NotFound
from training.evaluation.baselines import unit_rows
from training.modalities import History, Modality, PostFeatures
from training.model import JointSpace, ModelConfig
from training.model.layout import MEANING, default_query_weights
from training.query_weights import QueryWeights, apply

FORMAT = 2
SPACE_FILE, USERS_FILE, WEIGHTS_FILE = "space.json", "users.json", "model.safetensors"
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


class Space:
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
        self.joint = joint.eval()
        self.image_encoder, self.text_encoder = image_encoder.eval(), text_encoder.eval()
        self.users = tuple(users)
        defaults = {d: tuple(w) for d, w in default_query_weights(joint.blocks).items()}
        self.query_weights: QueryWeights = defaults | (query_weights or {})
        self._row = {user: row for row, user in enumerate(self.users)}

    @property
    def dimension(self) -> int:
        """D of the space."""
        return self.joint.dimension

    @property
    def device(self) -> torch.device:
        """Where the towers are."""
        return next(self.joint.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Move towers and encoders; returns self."""
        for module in (self.joint, self.image_encoder, self.text_encoder):
            module.to(device)
        return self

    def as_query(
        self, vectors: np.ndarray, query: Modality | str, target: Modality | str
    ) -> np.ndarray:
        """(N, D) embeddings of one modality as queries for another: (N, D) unit rows.

        An embedding in an index stands for itself; one that asks weighs its blocks by what it asks
        for. Asking with the embedding as it is works too, a little less well.
        """
        weights = self.query_weights[f"{Modality(query)}_to_{Modality(target)}"]
        return apply(vectors, weights, self.joint.blocks)

    def subjects(self, vectors: np.ndarray, kind: Modality | str) -> np.ndarray:
        """What N embeddings of a kind are about, whoever they are by: unit rows, one width for all.

        Their place in the block of meaning; in a space without it, the embeddings as they are
        compared with their like.
        """
        start = 0
        for block in self.joint.blocks:
            if block.name == MEANING:
                return unit_rows(vectors[:, start : start + block.dimension])
            start += block.dimension
        return self.as_query(vectors, kind, kind)

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

    # -- features ----------------------------------------------------------------------------

    @torch.inference_mode()
    def embed_texts(self, features: Tensor) -> np.ndarray:
        """(N, F_text) encoder features to (N, D)."""
        return _numpy(self.joint.encode_text(features.to(self.device)))

    @torch.inference_mode()
    def embed_images(self, features: Tensor) -> np.ndarray:
        """(N, F_image) encoder features to (N, D)."""
        return _numpy(self.joint.encode_image(features.to(self.device)))

    @torch.inference_mode()
    def embed_posts(self, features: PostFeatures) -> np.ndarray:
        """Features of N posts to (N, D). Raises: ValueError if a post holds nothing."""
        return _numpy(self.joint.encode_post(features.to(self.device)))

    @torch.inference_mode()
    def embed_users(self, history: History, user_ids: Sequence[str | None]) -> np.ndarray:
        """Histories of N people to (N, D). Raises: NotFound as `encode_user`."""
        rows = torch.tensor([self._row.get(user or "", -1) for user in user_ids])
        vectors, present = self.joint.encode_user(
            history.to(self.device), rows.long().to(self.device)
        )
        if not bool(present.all()):
            missing = [
                str(user) for user, there in zip(user_ids, present, strict=True) if not there
            ]
            raise NotFound(
                f"no embedding for {', '.join(missing[:3])}: unknown to this model, and no history",
                hint="give at least one post or reaction of theirs",
            )
        return _numpy(vectors)

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
        try:
            shape = json.loads((folder / SPACE_FILE).read_text(encoding="utf-8"))
            users = json.loads((folder / USERS_FILE).read_text(encoding="utf-8"))
            weights = load_file(folder / WEIGHTS_FILE)
        except (OSError, ValueError) as error:
            raise BadData(f"{folder} holds no readable model: {error}") from None
        if shape["format"] != FORMAT:
            raise BadData(
                f"{folder} has model format {shape['format']}; this release reads {FORMAT}",
                hint="train it anew, or `commonspace models promote` a version that can be read",
            )
        joint = JointSpace(
            ModelConfig.parse(shape["model"]),
            users=len(users),
            image_features=shape["image_features"],
            text_features=shape["text_features"],
        )
        try:
            joint.load_state_dict(weights)
        except RuntimeError:  # whose message is a page of names
            raise BadData(
                f"{folder} holds weights that this release's model has no place for, or lacks some",
                hint="train it anew, or `commonspace models promote` a version that can be read",
            ) from None
        image = load_encoder(folder / IMAGE_ENCODER)
        text = load_encoder(folder / TEXT_ENCODER)
        weights = {d: tuple(w) for d, w in shape["query_weights"].items()}
        return cls(joint, image, text, users, weights).to(device)


def _encode_present(encoder: Encoder, raw: Sequence[bytes | str | None]) -> tuple[Tensor, Tensor]:
    """Features where there is content, masked rows elsewhere: (N, F) and (N,) bool."""
    present = torch.tensor([item is not None for item in raw], dtype=torch.bool)
    features = torch.zeros(len(raw), encoder.dimension)
    if bool(present.any()):
        features[present] = encoder.encode([item for item in raw if item is not None]).cpu()  # type: ignore[arg-type]
    return features, present


def _numpy(vectors: Tensor) -> np.ndarray:
    return vectors.float().cpu().numpy()
