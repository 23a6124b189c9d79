"""Texts as hashed words: `hashed/<width>`, such as `hashed/256`. No weights, nothing to download.

Every word and pair of neighbouring words is an axis of a space of a million; each axis falls on
four signed coordinates of a narrow vector, so that the dot product of two vectors is, up to noise,
that of the texts' word counts (feature hashing, Weinberger et al., ICML 2009; signs and sparsity as
in Achlioptas, 2003). It knows no synonyms and no other language, and reads some ten thousand texts
a second: a baseline, an encoder for tests, and one for more text than a network can read.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.encoders.base import Encoder, Inputs
from training.encoders.config import EncoderConfig
from training.encoders.text import TextEncoder, text_encoders
from training.errors import BadConfig

_BUCKETS = 1 << 20
_TIMES = 4
"""Coordinates that a word falls on."""
_LEAST, _MOST = 16, 4096
_ODD = np.array([0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F], dtype=np.uint64)
"""Multipliers of multiplicative hashing (Knuth, TAOCP 3, 6.4), one a coordinate."""
_PROBE = ["Two red apples, two red pears", "東京 🙂 naïve café", "!?", ""]
_SETTINGS = "preprocessing.json"


class AsItIs(nn.Module):
    """The backbone of an encoder whose features are ready when its input is read."""

    def __init__(self, width: int) -> None:
        super().__init__()
        # a digest of weights must tell one width from another
        self.register_buffer("width", torch.tensor([float(width)]))

    def forward(self, features: Tensor) -> Tensor:
        """(N, F) to itself."""
        return features


class HashedTextEncoder(TextEncoder):
    """Texts to unit vectors of hashed words and pairs of words.

    Args:
        config: with a name of `hashed/<width>`.
        width: F of the features.
    """

    batch_on_cpu = 1024

    def __init__(self, config: EncoderConfig, width: int) -> None:
        from sklearn.feature_extraction.text import HashingVectorizer

        Encoder.__init__(self, config, AsItIs(width), width)
        options: dict[str, Any] = {"n_features": _BUCKETS, "norm": None, "alternate_sign": False}
        self._words = HashingVectorizer(ngram_range=(1, 2), token_pattern=r"(?u)\b\w+\b", **options)
        # for what holds no word: signs, pictograms
        self._characters = HashingVectorizer(analyzer="char", ngram_range=(1, 2), **options)

    def preprocess(self, raw: Sequence[str]) -> Inputs:
        """N texts to `features`: (N, F) float32 of length 1; zero for an empty text."""
        counts: Any = self._words.transform(raw)
        wordless = np.flatnonzero(np.diff(counts.indptr) == 0).tolist()
        vectors = self._project(counts)
        if wordless:
            signs = self._characters.transform([raw[row] for row in wordless])
            vectors[wordless] = self._project(signs)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return {"features": torch.from_numpy(vectors / np.maximum(lengths, 1e-12))}

    def features(self, backbone: nn.Module, inputs: Inputs) -> Tensor:
        """(N, F) as `preprocess` gave them."""
        return backbone(inputs["features"])

    def preprocessing_settings(self) -> dict[str, Any]:
        """By what becomes of some texts: another release of the library may hash otherwise."""
        probe = self.preprocess(_PROBE)["features"].numpy().round(5).tobytes()
        digest = hashlib.blake2b(probe, digest_size=16).hexdigest()
        return {"width": self.dimension, "buckets": _BUCKETS, "times": _TIMES, "probe": digest}

    def save_preprocessing(self, folder: Path) -> None:
        text = json.dumps(self.preprocessing_settings())
        (folder / _SETTINGS).write_text(text, encoding="utf-8")

    def restore_preprocessing(self, folder: Path) -> None:
        """Nothing to take on: the name says it all, and the fingerprint is compared."""

    def _reading_order(self, raw: Sequence[str]) -> list[int]:
        return list(range(len(raw)))

    def _project(self, counts: Any) -> np.ndarray:
        """Rows of counts (N, buckets), sparse, as (N, F) float32."""
        width, rows = self.dimension, counts.shape[0]
        owner = np.repeat(np.arange(rows), np.diff(counts.indptr))
        values = 1 + np.log(counts.data)  # a word said ten times isn't ten times as telling
        buckets = counts.indices.astype(np.uint64) + np.uint64(1)
        found = np.zeros(rows * width)
        for odd in _ODD:
            mixed = (buckets * odd) & np.uint64(0xFFFFFFFF)
            place = (mixed >> np.uint64(8)) % np.uint64(width)
            sign = 1.0 - 2.0 * ((mixed >> np.uint64(7)) & np.uint64(1)).astype(np.float64)
            at = owner * width + place.astype(np.int64)
            found += np.bincount(at, weights=sign * values, minlength=rows * width)
        return found.reshape(rows, width).astype(np.float32)


@text_encoders.register("hashed")
def hashed_encoder(config: EncoderConfig) -> HashedTextEncoder:
    """Hashed words of a width. Raises: BadConfig for a width it can't have, or for tuning."""
    return HashedTextEncoder(weightless(config), width_of(config.name, _LEAST, _MOST))


def width_of(name: str, least: int, most: int) -> int:
    """The number behind an encoder's name. Raises: BadConfig."""
    family, _, number = name.partition("/")
    if not number.isdecimal() or not least <= int(number) <= most:
        raise BadConfig(
            f"encoder {name!r} needs a number from {least} to {most}", hint=f"e.g. {family}/256"
        )
    return int(number)


def weightless(config: EncoderConfig) -> EncoderConfig:
    """The configuration of an encoder without weights. Raises: BadConfig if some are to learn."""
    if config.tuning != "frozen":
        raise BadConfig(f"{config.name!r} has no weights to learn", hint="use tuning=frozen")
    if config.levels == "several":
        raise BadConfig(f"{config.name!r} has one level", hint="use levels=last, or auto")
    return config
