"""What every encoder is and does; images and texts differ in `preprocess` and `features` only."""

import hashlib
import json
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from training.encoders.config import EncoderConfig
from training.encoders.tuning import hold_still, tune

Raw = TypeVar("Raw", bytes, str)
Inputs = dict[str, Tensor]

FORMAT = 1
"""Part of every fingerprint: raise it when the code of preprocessing changes what it gives."""


class Identity(NamedTuple):
    """What can be known of an encoder before it is built: see `Encoder`."""

    fingerprint: str
    dimension: int


class Encoder(nn.Module, Generic[Raw]):
    """Raw contents to pooled features: preprocessing and a backbone that may learn.

    Features of the last level are as the backbone gives them, not normalised; of several levels,
    each part has unit length (see `levels`).

    Args:
        config: as it was asked for.
        backbone: preprocessed inputs to (N, dimension).
        dimension: width of the features.
        source: digest of the weights it was built with, or None to compute it from them. Holds for
            frozen encoders only, and only until other weights are loaded.
    """

    modality: str
    batch_on_cpu: int
    batch_on_gpu = 256

    def __init__(
        self, config: EncoderConfig, backbone: nn.Module, dimension: int, source: str | None = None
    ) -> None:
        super().__init__()
        self.config, self.backbone, self.dimension = config, backbone, dimension
        self._source = source
        tune(backbone, config)
        self.register_load_state_dict_post_hook(_forget_source)
        self.eval()

    @property
    def name(self) -> str:
        """As in the registry."""
        return self.config.name

    @property
    def parts(self) -> tuple[int, ...]:
        """Widths of the features' parts, the encoder's own pooled output first."""
        beside: tuple[int, ...] = getattr(self.backbone, "beside", ())
        return self.dimension - sum(beside), *beside

    @property
    def device(self) -> torch.device:
        """Where the weights are, or what an encoder without any counts by."""
        state = chain(self.backbone.parameters(), self.backbone.buffers())
        return next(state).device

    @abstractmethod
    def preprocess(self, raw: Sequence[Raw]) -> Inputs:
        """Contents to the backbone's inputs: CPU tensors whose first axis is N.

        Raises: BadData if a content can't be read.
        """

    @abstractmethod
    def features(self, backbone: nn.Module, inputs: Inputs) -> Tensor:
        """Inputs through a backbone of this encoder's kind: (N, dimension)."""

    @abstractmethod
    def preprocessing_settings(self) -> dict[str, Any]:
        """All that `preprocess` depends on, as JSON; part of the fingerprint."""

    @abstractmethod
    def save_preprocessing(self, folder: Path) -> None:
        """Write what `restore_preprocessing` reads."""

    @abstractmethod
    def restore_preprocessing(self, folder: Path) -> None:
        """Take on the preprocessing of a saved encoder."""

    def save(self, folder: Path) -> None:
        """Write what `load_encoder` reads: JSON, and safetensors where weights were trained."""
        from training.encoders.storage import save_encoder

        save_encoder(self, folder)

    def forward(self, inputs: Inputs) -> Tensor:
        """Preprocessed inputs, on the encoder's device, to (N, dimension), with gradients."""
        return self.features(self.backbone, inputs)

    def encode(self, raw: Sequence[Raw]) -> Tensor:
        """N contents to (N, dimension) float32 on the encoder's device, without gradients.

        Raises: BadData if a content can't be read.
        """
        if not len(raw):
            return torch.empty(0, self.dimension, device=self.device)
        order = self._reading_order(raw)
        size = self.config.batch_size or (
            self.batch_on_cpu if self.device.type == "cpu" else self.batch_on_gpu
        )
        chunks = [[raw[i] for i in order[at : at + size]] for at in range(0, len(order), size)]
        with self._inference() as backbone:
            parts = [
                self.features(backbone, {k: v.to(self.device) for k, v in inputs.items()}).float()
                for inputs in self._preprocessed(chunks)
            ]
        features = torch.empty(len(raw), self.dimension, device=self.device)
        features[torch.tensor(order, device=self.device)] = torch.cat(parts)
        return features

    def fingerprint(self) -> str:
        """Hash of all that its features depend on: preprocessing, levels, precision and weights."""
        weights = self._source if self.config.tuning == "frozen" else None
        return fingerprint(
            self.config, self.preprocessing_settings(), weights or digest_of(self.backbone)
        )

    def train(self, mode: bool = True):
        """Training mode for what learns; all else, and every batch statistic, stays as it is."""
        super().train(mode)
        if mode:
            hold_still(self.backbone)
        return self

    def optimised(self) -> nn.Module:
        """The backbone in its fastest form for inference; the same features up to rounding."""
        return self.backbone

    def _reading_order(self, raw: Sequence[Raw]) -> list[int]:
        """The order in which contents are batched."""
        return list(range(len(raw)))

    def _preprocessed(self, chunks: Sequence[Sequence[Raw]]) -> Iterator[Inputs]:
        """Inputs chunk by chunk; with several threads the next chunks are read meanwhile."""
        threads = torch.get_num_threads()
        if threads == 1 or len(chunks) == 1:
            yield from map(self.preprocess, chunks)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from _ahead(pool, self.preprocess, chunks, threads + 1)

    @contextmanager
    def _inference(self) -> Iterator[nn.Module]:
        training = self.training
        self.eval()
        half = self.config.precision == "bfloat16"
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self.device.type, torch.bfloat16, enabled=half),
            ):
                yield self.optimised()
        finally:
            self.train(training)


def fingerprint(config: EncoderConfig, preprocessing: dict[str, Any], weights: str) -> str:
    """Hash of an encoder from its parts: 32 hexadecimal digits."""
    parts = {
        "format": FORMAT,
        "family": config.name.split("/")[0],
        "precision": config.precision,
        "preprocessing": preprocessing,
        "weights": weights,
    }
    if config.several:  # features of the last level have the name that they have always had
        parts["levels"] = "several"
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def digest_of(module: nn.Module) -> str:
    """Hash of a module's floating-point state, in order; its names may change between releases."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            digest.update(str(tuple(tensor.shape)).encode())
            digest.update(tensor.detach().cpu().contiguous().flatten().numpy().data)
    return digest.hexdigest()


def _forget_source(encoder: Encoder[Any], _: object) -> None:
    encoder._source = None


def _ahead(pool: ThreadPoolExecutor, function: Any, items: Iterable[Any], depth: int):
    """Results in order, with at most `depth` of them computed before they are asked for."""
    waiting = []
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > depth:
            yield waiting.pop(0).result()
    while waiting:
        yield waiting.pop(0).result()
