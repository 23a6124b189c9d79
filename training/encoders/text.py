"""Text encoders: texts to tokens to pooled features."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from training.config import Config
from training.encoders.base import Encoder, Inputs
from training.encoders.config import EncoderConfig
from training.encoders.pooling import ARCHITECTURE, Pooled
from training.registry import Registry

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

text_encoders: Registry[Callable[[EncoderConfig], "TextEncoder"]] = Registry("text encoder")
"""Builders by family (`transformers`) or whole name (`packaged/all-minilm-l6-v2`)."""

_SETTINGS = "preprocessing.json"
_PROBE = ["A red Apple, 3 naïve café-owners & 東京 🙂", "  two\nlines\t", ""]


class TextPreprocessing(Config):
    """How a text becomes tokens."""

    max_tokens: int
    """Longer texts are cut."""
    pad_to_max: bool = False
    """Pad every text to `max_tokens`, as SigLIP was trained; otherwise to a batch's longest."""
    pooling: str = "mean"
    """How the backbone pools; see `PooledText`."""
    tokenizer: str = ""
    """Digest of the vocabulary and of what becomes of some texts."""


class TextEncoder(Encoder[str]):
    """Texts to features.

    Args:
        config, backbone, dimension, source: see `Encoder`; the backbone takes the tokenizer's
            output by name.
        tokenizer: of the transformers library.
        preprocessing: how it is used.
    """

    modality = "text"
    batch_on_cpu = 32

    def __init__(
        self,
        config: EncoderConfig,
        backbone: nn.Module,
        dimension: int,
        tokenizer: "PreTrainedTokenizerBase",
        preprocessing: TextPreprocessing,
        source: str | None = None,
    ) -> None:
        super().__init__(config, backbone, dimension, source)
        self.tokenizer = tokenizer
        self._use(preprocessing)

    def preprocess(self, raw: Sequence[str]) -> Inputs:
        """N texts to `input_ids` and the like: (N, T) long, T the longest text's tokens."""
        tokens = self.tokenizer(
            list(raw),
            padding="max_length" if self.preprocessing.pad_to_max else True,
            truncation=True,
            max_length=self.preprocessing.max_tokens,
            return_tensors="pt",
        )
        return dict(tokens)

    def features(self, backbone: nn.Module, inputs: Inputs) -> Tensor:
        """Tokens to (N, dimension)."""
        return backbone(**inputs)

    def preprocessing_settings(self) -> dict[str, Any]:
        return self.preprocessing.model_dump(mode="json")

    def save_preprocessing(self, folder: Path) -> None:
        text = self.preprocessing.model_dump_json(indent=1)
        (folder / _SETTINGS).write_text(text, encoding="utf-8")
        self.tokenizer.save_pretrained(folder / ARCHITECTURE)

    def restore_preprocessing(self, folder: Path) -> None:
        from training.encoders.hub import load_tokenizer

        text = (folder / _SETTINGS).read_text(encoding="utf-8")
        self._use(TextPreprocessing.parse(json.loads(text)))
        self.tokenizer = load_tokenizer(str(folder / ARCHITECTURE))

    def _use(self, preprocessing: TextPreprocessing) -> None:
        self.preprocessing = preprocessing
        if isinstance(self.backbone, Pooled):
            self.backbone.use(preprocessing.pooling)

    def _reading_order(self, raw: Sequence[str]) -> list[int]:
        """By length: a batch is padded to its longest text, and padding costs what text costs."""
        return sorted(range(len(raw)), key=lambda i: len(raw[i]))


def tokenizer_digest(tokenizer: "PreTrainedTokenizerBase", max_tokens: int) -> str:
    """Hash of a tokenizer by what it knows and does; its files differ between releases."""
    digest = hashlib.blake2b(digest_size=16)
    for token, number in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{token}\0{number}\n".encode(errors="surrogatepass"))
    for text in _PROBE:
        tokens = tokenizer(text, truncation=True, max_length=max_tokens)
        digest.update(json.dumps(sorted(dict(tokens).items())).encode())
    return digest.hexdigest()
