"""Text and image encoders: contents of many requests go through the model together."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ray import serve

from serving.calls import answering
from serving.config import EncoderReplicaConfig
from serving.measures import ENCODER_BATCH, ENCODER_SECONDS
from serving.models import First, Models
from serving.settings import ServingSettings
from serving.watch import watch
from training.errors import BadData, CommonspaceError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Encoded:
    """N contents, encoded.

    Attributes:
        features: (N, F) float32 of the encoder, for those who fuse them with others.
        vectors: (N, D) float32 unit rows of the space.
    """

    features: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class _Ask:
    version: str
    raw: Any


@dataclass(frozen=True)
class _Bad:
    error: CommonspaceError


class Encoding:
    """Towers and one encoder of each model version that is asked for.

    Args:
        settings: of the service.
        config: of this deployment.
        modality: `text` or `image`.
        first: version that is loaded before the replica is ready.
    """

    def __init__(
        self, settings: ServingSettings, config: EncoderReplicaConfig, modality: str, first: First
    ) -> None:
        import torch

        torch.set_num_threads(config.threads)
        self._recorder = watch(settings, modality)
        self._modality = modality
        self._device = "cuda" if config.gpus and torch.cuda.is_available() else "cpu"
        self._models = Models(settings, self._read, first)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=modality)
        self._batch.set_max_batch_size(config.batch)  # type: ignore[attr-defined]
        self._batch.set_batch_wait_timeout_s(config.wait_ms / 1000)  # type: ignore[attr-defined]
        try:
            self._models(first.version)
        except CommonspaceError as error:  # it is tried again by whoever asks for it
            _log.error("model version %s can't be loaded yet: %s", first.version, error)

    @answering
    async def encode(self, version: str, raw: Sequence[Any]) -> Encoded:
        """N contents with one model version. Raises: BadData, NotFound, Unavailable."""
        return await self._encoded(version, raw)

    async def _encoded(self, version: str, raw: Sequence[Any]) -> Encoded:
        parts = await asyncio.gather(*(self._batch(_Ask(version, one)) for one in raw))
        for part in parts:
            if isinstance(part, _Bad):
                raise part.error
        return Encoded(*(np.stack(rows) for rows in zip(*parts, strict=True)))

    @answering
    async def embed(self, version: str, raw: Sequence[Any]) -> np.ndarray:
        """As `encode`, without the features: (N, D)."""
        return (await self._encoded(version, raw)).vectors

    @answering
    async def prepare(self, version: str) -> None:
        """Have a version in memory; requests go on meanwhile. Raises: as `encode`."""
        await asyncio.to_thread(self._models, version)

    async def check_health(self) -> None:
        """Called by Serve; the thread that runs the model must come to the end of its batch."""
        await asyncio.wrap_future(self._thread.submit(int))

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.005)
    async def _batch(self, asks: list[_Ask]) -> list[Any]:
        return await self._together(asks)

    async def _together(self, asks: list[_Ask]) -> list[Any]:
        for version in {ask.version for ask in asks}:
            if version not in self._models.versions:
                try:
                    await asyncio.to_thread(self._models, version)
                except CommonspaceError as error:
                    _log.error("model version %s: %s", version, error)
        self._recorder.observe(ENCODER_BATCH, len(asks), modality=self._modality)
        with self._recorder.stage(ENCODER_SECONDS, modality=self._modality):
            return await asyncio.wrap_future(self._thread.submit(self._work, asks))

    def _work(self, asks: list[_Ask]) -> list[Any]:
        found: list[Any] = [None] * len(asks)
        for version in {ask.version for ask in asks}:
            places = [place for place, ask in enumerate(asks) if ask.version == version]
            rows = self._rows(version, [asks[place].raw for place in places])
            for place, row in zip(places, rows, strict=True):
                found[place] = row
        return found

    def _rows(self, version: str, raw: list[Any]) -> list[Any]:
        try:
            towers, encoder = self._models(version)
            features = encoder.encode(raw)
            embed = towers.embed_texts if self._modality == "text" else towers.embed_images
            vectors = embed(features)
        except BadData as error:  # of one of them: the others are innocent
            if len(raw) == 1:
                return [_Bad(error)]
            return [row for one in raw for row in self._rows(version, [one])]
        except CommonspaceError as error:
            return [_Bad(error)] * len(raw)
        return list(zip(features.cpu().numpy(), vectors, strict=True))

    def _read(self, folder: Path) -> tuple[Any, Any]:
        from training.encoders import load_encoder
        from training.towers import Towers

        encoder = load_encoder(folder / f"{self._modality}_encoder").eval().to(self._device)
        encoder.encode(["ready"] if self._modality == "text" else [_pixel()])  # compiles, warms up
        return Towers.load(folder, device=self._device), encoder


def _pixel() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (8, 8), "white").save(file, "PNG")
    return file.getvalue()
