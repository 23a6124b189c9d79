"""The user encoder: towers that make people and posts of encoder features."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ray import serve

from serving.calls import answering
from serving.config import EncoderReplicaConfig
from serving.measures import ENCODER_BATCH, ENCODER_SECONDS
from serving.models import First, Models
from serving.settings import ServingSettings
from serving.watch import watch
from training.errors import CommonspaceError, NotFound

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fused:
    """N posts as features; rows of an absent modality are None.

    Attributes:
        images: (F_image,) float32 of each post, or None.
        texts: (F_text,) float32 of each post, or None.
    """

    images: list[np.ndarray | None]
    texts: list[np.ndarray | None]


@dataclass(frozen=True)
class Someone:
    """A person to embed.

    Attributes:
        user_id: whom the model may know.
        history: features of what they wrote and liked.
        weights: how much each counts.
    """

    user_id: str | None
    history: Fused
    weights: list[float]


@dataclass(frozen=True)
class _Ask:
    version: str
    person: Someone


class UserEncoding:
    """The towers of each model version that is asked for; no encoder is loaded.

    Args:
        settings: of the service.
        config: of this deployment.
        first: version that is loaded before the replica is ready.
    """

    def __init__(
        self, settings: ServingSettings, config: EncoderReplicaConfig, first: First
    ) -> None:
        import torch

        from training.towers import Towers

        torch.set_num_threads(config.threads)
        self._recorder = watch(settings, "user")
        device = "cuda" if config.gpus and torch.cuda.is_available() else "cpu"
        self._models = Models(settings, lambda folder: Towers.load(folder, device=device), first)
        self._batch.set_max_batch_size(config.batch)  # type: ignore[attr-defined]
        self._batch.set_batch_wait_timeout_s(config.wait_ms / 1000)  # type: ignore[attr-defined]
        try:
            self._models(first.version)
        except CommonspaceError as error:
            _log.error("model version %s can't be loaded yet: %s", first.version, error)

    @answering
    async def people(self, version: str, people: Sequence[Someone]) -> np.ndarray:
        """N people to (N, D) unit rows. Raises: NotFound naming one of whom nothing is known."""
        rows = await asyncio.gather(*(self._batch(_Ask(version, one)) for one in people))
        for row in rows:
            if isinstance(row, CommonspaceError):
                raise row
        return np.stack(rows)

    @answering
    async def posts(self, version: str, posts: Fused) -> np.ndarray:
        """N posts to (N, D) unit rows. Raises: NotFound, Unavailable."""
        return await asyncio.to_thread(self._posts, version, posts)

    @answering
    async def prepare(self, version: str) -> None:
        """Have a version in memory; requests go on meanwhile."""
        await asyncio.to_thread(self._models, version)

    async def check_health(self) -> None:
        """Called by Serve; that it is answered is all."""

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def _batch(self, asks: list[_Ask]) -> list[Any]:
        self._recorder.observe(ENCODER_BATCH, len(asks), modality="user")
        with self._recorder.stage(ENCODER_SECONDS, modality="user"):
            return await asyncio.to_thread(self._work, asks)

    def _work(self, asks: list[_Ask]) -> list[Any]:
        found: list[Any] = [None] * len(asks)
        for version in {ask.version for ask in asks}:
            places = [place for place, ask in enumerate(asks) if ask.version == version]
            rows = self._rows(version, [asks[place].person for place in places])
            for place, row in zip(places, rows, strict=True):
                found[place] = row
        return found

    def _rows(self, version: str, people: list[Someone]) -> list[Any]:
        import torch

        from training.modalities import History

        try:
            towers = self._models(version)
            posts = Fused(
                [image for one in people for image in one.history.images],
                [text for one in people for text in one.history.texts],
            )
            owners = [at for at, one in enumerate(people) for _ in one.weights]
            weights = [weight for one in people for weight in one.weights]
            history = History(
                _features(towers, posts),
                torch.tensor(owners, dtype=torch.long),
                torch.tensor(weights, dtype=torch.float32),
                len(people),
            )
            return list(towers.embed_users(history, [one.user_id for one in people]))
        except NotFound as error:  # about one of them
            if len(people) == 1:
                return [error]
            return [row for one in people for row in self._rows(version, [one])]
        except CommonspaceError as error:
            return [error] * len(people)

    def _posts(self, version: str, posts: Fused) -> np.ndarray:
        towers = self._models(version)
        return towers.embed_posts(_features(towers, posts))


def _features(towers: Any, posts: Fused) -> Any:
    from training.modalities import PostFeatures

    image, has_image = _stacked(posts.images, towers.joint.image_features)
    text, has_text = _stacked(posts.texts, towers.joint.text_features)
    return PostFeatures(image, has_image, text, has_text)


def _stacked(rows: Sequence[np.ndarray | None], width: int) -> tuple[Any, Any]:
    import torch

    values = torch.zeros(len(rows), width)
    for at, row in enumerate(rows):
        if row is not None:
            values[at] = torch.from_numpy(np.array(row, dtype=np.float32))
    return values, torch.tensor([row is not None for row in rows], dtype=torch.bool)
