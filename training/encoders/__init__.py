"""Encoders: raw images and texts to features, with their preprocessing, frozen or trained.

Importing this imports no model library; the names below are loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.encoders.base import Encoder
    from training.encoders.build import build_image_encoder, build_text_encoder
    from training.encoders.config import EncoderConfig
    from training.encoders.image import ImageEncoder, image_encoders
    from training.encoders.storage import load_encoder
    from training.encoders.text import TextEncoder, text_encoders

_HOMES = {
    "Encoder": "base",
    "EncoderConfig": "config",
    "ImageEncoder": "image",
    "TextEncoder": "text",
    "build_image_encoder": "build",
    "build_text_encoder": "build",
    "image_encoders": "image",
    "load_encoder": "storage",
    "text_encoders": "text",
}

__all__ = [
    "Encoder",
    "EncoderConfig",
    "ImageEncoder",
    "TextEncoder",
    "build_image_encoder",
    "build_text_encoder",
    "image_encoders",
    "load_encoder",
    "text_encoders",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
