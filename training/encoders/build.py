"""Encoders from configurations: the registries, filled."""

from collections.abc import Callable
from typing import TypeVar

# Each registers its builders; a new family is a file and a name in this list.
from training.encoders import (  # noqa: F401
    from_timm,
    from_torchvision,
    from_transformers,
    packaged,
)
from training.encoders.base import Encoder
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


def fingerprint_of(config: EncoderConfig, build: Callable[[EncoderConfig], Encoder]) -> str:
    """Fingerprint of the encoder that a configuration gives, built only if it must be."""
    return packaged.known_fingerprint(config) or build(config).fingerprint()


def _builder(
    registry: Registry[Callable[[EncoderConfig], E]], name: str
) -> Callable[[EncoderConfig], E]:
    family, _, model = name.partition("/")
    return registry[family if family in registry and model else name]
