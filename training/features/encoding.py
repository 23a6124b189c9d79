"""Contents through encoders: on a Ray cluster by actors that keep them, or here when few."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from training import errors
from training.config import Config
from training.data.clean import CleanData
from training.encoders import Encoder, load_encoder
from training.encoders.build import build_encoder
from training.encoders.config import EncoderConfig
from training.encoders.image import ImageEncoder
from training.features.chunks import Chunk

Source = EncoderConfig | Path
"""An encoder as it is before training, or the folder of a saved one (readable on every node)."""

_CPUS_PER_GPU = 4


class EncodingConfig(Config):
    """What encoding may use of a cluster."""

    actors: Annotated[int, Field(ge=1)] | None = None
    """Processes; left out: one a GPU, or one a CPU where there is none."""
    most_actors: Annotated[int, Field(ge=1)] = 16
    """Bound where `actors` is left out; each takes about 1 GB with the packaged encoders."""
    here_below: Annotated[int, Field(ge=0)] = 64
    """Fewer contents than this are encoded by the calling process; actors take longer to start."""


def build_source(modality: str, source: Source) -> Encoder[Any]:
    """The encoder of a source. Raises: as `build_image_encoder` and `load_encoder`."""
    return load_encoder(source) if isinstance(source, Path) else build_encoder(modality, source)


def encoded(
    chunks: Sequence[Chunk], data: CleanData, sources: dict[str, Source], config: EncodingConfig
) -> Iterator[tuple[Chunk, Tensor]]:
    """Every chunk with its features, (n, F) float32 on the CPU, as they become ready.

    Raises: BadData if a content can't be read; as `build_source`.
    """
    if sum(map(len, chunks)) < config.here_below:
        worker = Worker(data.root, sources)
        yield from ((chunk, worker.encode(chunk)) for chunk in chunks)
    else:
        yield from _by_actors(chunks, data, sources, config)


class Worker:
    """Encodes chunks; builds each encoder when it first needs it, and keeps it.

    Args:
        root: of the clean data.
        sources: encoders by modality.
        device: to encode on.
        threads: of this process; None leaves them as they are.
    """

    def __init__(
        self,
        root: Path,
        sources: dict[str, Source],
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        self._data, self._sources, self._device = CleanData.open(root), sources, device
        self._encoders: dict[str, Encoder[Any]] = {}

    def encode(self, chunk: Chunk) -> Tensor:
        """(n, F) float32 on the CPU. Raises: as `encoded`."""
        encoder = self._encoder(chunk.modality)
        raw = chunk.texts if chunk.modality == "text" else self._data.images(chunk.rows)
        return encoder.encode(raw).cpu()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A chunk as Ray Data hands it over, to its vectors.

        An error for the user is told in a field: Ray would wrap it and log its traceback.
        """
        result = {"number": row.pop("number"), "width": 0, "vectors": b"", "error": [""]}
        try:
            vectors = self.encode(Chunk(**row))
        except errors.CommonspaceError as error:
            return result | {"error": [type(error).__name__, error.message, error.hint]}
        return result | {"width": vectors.shape[1], "vectors": vectors.numpy().tobytes()}

    def _encoder(self, modality: str) -> Encoder[Any]:
        if modality not in self._encoders:
            encoder = build_source(modality, self._sources[modality]).to(self._device)
            if isinstance(encoder, ImageEncoder):
                encoder.limits = self._data.manifest.config.images
            self._encoders[modality] = encoder
        return self._encoders[modality]


def _by_actors(
    chunks: Sequence[Chunk], data: CleanData, sources: dict[str, Source], config: EncodingConfig
) -> Iterator[tuple[Chunk, Tensor]]:
    """Ray Data with one pool of actors for both modalities; Ray replaces an actor that dies.

    On CPUs an actor has one thread. Two such actors are faster than one with two threads: these
    models are small, and the threads of one wait for each other after every layer.
    """
    import ray
    from ray.data import ActorPoolStrategy

    data.images([])  # the image file is built once, here, and not by the first actor
    cpus, gpus = _resources("CPU"), _resources("GPU")
    actors = config.actors or max(1, min(gpus or cpus, config.most_actors, len(chunks)))
    threads = min(_CPUS_PER_GPU, max(1, cpus // actors)) if gpus else 1
    with _quiet():
        dataset = ray.data.from_items(
            [{"number": number, **asdict(chunk)} for number, chunk in enumerate(chunks)],
            override_num_blocks=len(chunks),
        ).map(
            Worker,  # type: ignore[arg-type]
            fn_constructor_args=(data.root, sources, "cuda" if gpus else "cpu", threads),
            compute=ActorPoolStrategy(size=actors),
            num_cpus=threads,
            num_gpus=1 if gpus else None,
        )
        for row in dataset.iter_rows():
            if row["error"][0]:
                kind, message, hint = row["error"]
                raise getattr(errors, kind)(message, hint=hint)
            vectors = np.frombuffer(row["vectors"], np.float32).reshape(-1, row["width"])
            yield chunks[row["number"]], torch.from_numpy(vectors.copy())


def _resources(kind: str) -> int:
    import ray

    return int(ray.cluster_resources().get(kind, 0))


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data without its bars and notes on plans; warnings stay."""
    import ray

    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    levels = {"ray.data": logging.WARNING, "ray.data._internal.progress": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    try:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        with ray.data.DataContext.current(context):
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
