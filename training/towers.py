"""The trained towers by themselves: features in, embeddings out; no encoder is loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from training.errors import BadData, NotFound
from training.evaluation.baselines import unit_rows
from training.modalities import History, Modality, PostFeatures
from training.model import JointSpace, ModelConfig
from training.model.layout import MEANING, default_query_weights
from training.query_weights import QueryWeights, apply

FORMAT = 2
SPACE_FILE, USERS_FILE, WEIGHTS_FILE = "space.json", "users.json", "model.safetensors"


@dataclass(frozen=True)
class Learned:
    """What was learned of n people by who they are.

    Attributes:
        users: their ids.
        identities: block name to (n, width).
    """

    users: tuple[str, ...]
    identities: dict[str, Tensor]


class Towers:
    """The part of a space that needs features, not raw content.

    All embeddings are (N, D) float32 unit rows in one space; their dot product is the similarity.

    Args:
        joint: the trained towers.
        users: ids of the people who have a learned vector, in its order.
        query_weights: direction to block weights; the layout's defaults if None.
    """

    def __init__(
        self,
        joint: JointSpace,
        users: Sequence[str],
        query_weights: QueryWeights | None = None,
    ) -> None:
        self.joint = joint.eval()
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
        """Move what is learned; returns self."""
        self.joint.to(device)
        return self

    def learned(self, users: Sequence[str]) -> "Learned":
        """What was learned of some people, apart from the towers; who is unknown is left out."""
        known = tuple(user for user in users if user in self._row)
        rows = torch.tensor([self._row[user] for user in known], dtype=torch.long)
        return Learned(known, self.joint.identities(rows.to(self.device)))

    def knowing(self, learned: "Learned") -> "Towers":
        """Towers that know other people, all else shared; they have no encoders.

        They are sent to where few are embedded: the learned vectors of everyone can be most of a
        model. Moving either to a device moves what they share: move these before.
        """
        return Towers(self.joint.knowing(learned.identities), learned.users, self.query_weights)

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

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> Self:
        """Read what `Space.save` wrote. Raises: BadData naming what is missing or too new."""
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
        weights = {d: tuple(w) for d, w in shape["query_weights"].items()}
        return cls(joint, users, weights).to(device)


def _numpy(vectors: Tensor) -> np.ndarray:
    return vectors.float().cpu().numpy()
