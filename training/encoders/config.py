"""What an encoder is, as configuration. Imports neither torch nor any model library."""

from typing import Annotated, Literal

from pydantic import Field

from training.config import Config

Tuning = Literal["frozen", "last_blocks", "full", "lora"]
Fit = Literal["stretch", "crop", "pad"]
Pooling = Literal["auto", "mean", "first"]
Levels = Literal["auto", "last", "several"]


class EncoderConfig(Config):
    """An image or text encoder: which one, how it reads its input, how much of it is trained."""

    name: str
    """`packaged/efficientnet-lite0`, `packaged/all-minilm-l6-v2`, `torchvision/<name>`,
    `timm/<name>` or `transformers/<name or folder>`; without weights, for very many posts and for
    tests, `hashed/<width>` (texts) and `histogram/<side>` (images)."""
    pretrained: bool = True
    """False: random weights, always the same ones; for tests and for training from nothing."""
    revision: str | None = None
    """Commit, tag or branch on the model hub."""

    levels: Levels = "auto"
    """What the features are. `last`: the encoder's own pooled output alone; `several`: beside it
    pooled states of earlier layers, each part of unit length; `auto`: several for the packaged
    encoders, last for all others, whose last layer may be aligned already as CLIP's is."""

    tuning: Tuning = "frozen"
    """Which weights learn: none, the last blocks, all, or low-rank adapters beside them."""
    blocks: Annotated[int, Field(ge=1)] = 1
    """How many blocks learn with `last_blocks`; what comes after them learns too."""
    lora_rank: Annotated[int, Field(ge=1)] = 8
    """Rank of the adapters of `lora`; their scale is twice the rank over the rank."""

    batch_size: Annotated[int, Field(ge=1)] | None = None
    """Contents encoded at a time; left out: what suits the device."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of encoding; features are float32 either way."""

    image_size: Annotated[int, Field(ge=16)] | None = None
    """Side of the square that an image encoder sees; left out: the size it was trained with."""
    image_fit: Fit | None = None
    """How a picture becomes a square: stretched, its middle cropped, or padded with white; left
    out: as the encoder was trained."""
    max_tokens: Annotated[int, Field(ge=4)] = 128
    """Longer texts are cut, and at the encoder's own limit in any case."""
    text_pooling: Pooling = "auto"
    """How token vectors become one: their mean, the first one, or as the encoder was trained."""

    @property
    def several(self) -> bool:
        """Whether features of several levels are asked for."""
        packaged = self.name.startswith("packaged/")
        return self.levels == "several" or (self.levels == "auto" and packaged)

    def untrained(self) -> "EncoderConfig":
        """The encoder as it is before any training of ours: frozen."""
        return self.model_copy(update={"tuning": "frozen"})


IMAGE_DEFAULT = EncoderConfig(name="packaged/efficientnet-lite0")
TEXT_DEFAULT = EncoderConfig(name="packaged/all-minilm-l6-v2")
