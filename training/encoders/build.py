"""Encoders from configurations: the registries, filled."""

from collections.abc import Callable
from typing import TypeVar

# Each registers its builders; a new family is a file and a name in this list.
from training.encoders import (  # noqa: F401
    from_timm,
    from_torchvision,
    from_transformers,
    hashed,
    histogram,
    packaged,
)
from training.encoders.base import Encoder, Identity
from training.encoders.config import EncoderConfig
from training.encoders.image import ImageEncoder, image_encoders
from training.encoders.text import TextEncoder, text_encoders
from training.registry import Registry

E = TypeVar("E", bound=Encoder)


def build_image_encoder(config: EncoderConfig) -> ImageEncoder:
    """The image encoder of a configuration, on the CPU, in evaluation mode.

    Raises: BadConfig if there is no such encoder; Unavailable if its weights don't come.
    """
    return _builder(image_encoders, config.name)(config)


def build_text_encoder(config: EncoderConfig) -> TextEncoder:
    """The text encoder of a configuration; as `build_image_encoder`."""
    return _builder(text_encoders, config.name)(config)


def build_encoder(modality: str, config: EncoderConfig) -> Encoder:
    """An `image` or a `text` encoder; as `build_image_encoder`."""
    return {"image": build_image_encoder, "text": build_text_encoder}[modality](config)


def identity_of(modality: str, config: EncoderConfig) -> Identity:
    """Fingerprint and width of the encoder that a configuration gives; built only if it must be."""
    known = packaged.known_identity(config)
    if known is not None:
        return known
    encoder = build_encoder(modality, config)
    return Identity(encoder.fingerprint(), encoder.dimension)


def _builder(
    registry: Registry[Callable[[EncoderConfig], E]], name: str
) -> Callable[[EncoderConfig], E]:
    family, _, model = name.partition("/")
    return registry[family if family in registry and model else name]
