"""Encoders of the transformers library: `transformers/<hub name or folder>`, CLIP's towers too."""

from typing import Any

import torch

from training.encoders.config import EncoderConfig
from training.encoders.hub import (
    load_image_processor,
    load_model,
    load_tokenizer,
    loading,
    sentence_pooling,
)
from training.encoders.image import (
    ImageEncoder,
    ImagePreprocessing,
    image_encoders,
    pooled_width,
)
from training.encoders.pooling import PooledImage, PooledText
from training.encoders.text import (
    TextEncoder,
    TextPreprocessing,
    text_encoders,
    tokenizer_digest,
)
from training.errors import BadConfig

_TOWERS = {
    "clip": {"image": "CLIPVisionModelWithProjection", "text": "CLIPTextModelWithProjection"},
    "siglip": {"image": "SiglipVisionModel", "text": "SiglipTextModel"},
}
"""Towers whose pooled output lies in the space that both were trained into, by model type."""

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""By Pillow's numbers, which image processors use."""


@image_encoders.register("transformers")
def transformers_image(config: EncoderConfig) -> ImageEncoder:
    """A vision model, or the vision tower of CLIP or SigLIP.

    Raises: BadConfig if it has no vision tower; Unavailable if it doesn't come.
    """
    name = config.name.removeprefix("transformers/")
    with loading(config):
        kind, settings = _tower(config, name, "image")
        if not hasattr(settings, "image_size") and not hasattr(settings, "num_channels"):
            raise BadConfig(f"{config.name!r} is no image encoder")
        model, missing = load_model(kind, config, name, settings)
        own = load_image_processor(name, config.revision)
    untrained = any("pool" in key for key in missing)
    backbone = PooledImage(model, "mean" if untrained else "embedding", config.several)
    preprocessing = _preprocessing(own, settings, backbone.pooling).adapted(config)
    width = pooled_width(backbone, preprocessing.size, config)
    return ImageEncoder(config, backbone, width, preprocessing)


@text_encoders.register("transformers")
def transformers_text(config: EncoderConfig) -> TextEncoder:
    """A text model, or the text tower of CLIP or SigLIP.

    Raises: BadConfig if it has no text tower of its own; Unavailable if it doesn't come.
    """
    name = config.name.removeprefix("transformers/")
    with loading(config):
        kind, settings = _tower(config, name, "text")
        if settings.is_encoder_decoder or not hasattr(settings, "vocab_size"):
            raise BadConfig(f"{config.name!r} is no text encoder")
        model, _ = load_model(kind, config, name, settings)
        tokenizer = load_tokenizer(name, config.revision)
        pooling = config.text_pooling
        if pooling == "auto":
            two_towers = settings.model_type.startswith(tuple(_TOWERS))
            pooling = "embedding" if two_towers else sentence_pooling(name, config.revision)
    backbone = PooledText(model, pooling, config.several)
    siglip = settings.model_type.startswith("siglip")
    longest = min(tokenizer.model_max_length, settings.max_position_embeddings)
    max_tokens = longest if siglip else min(config.max_tokens, longest)
    preprocessing = TextPreprocessing(
        max_tokens=max_tokens,
        pad_to_max=siglip,
        pooling=pooling,
        tokenizer=tokenizer_digest(tokenizer, max_tokens),
    )
    with torch.inference_mode():
        width = backbone.eval()(**tokenizer("width", return_tensors="pt")).shape[1]
    return TextEncoder(config, backbone, width, tokenizer, preprocessing)


def _tower(config: EncoderConfig, name: str, modality: str) -> tuple[Any, Any]:
    """The class of a model or tower, and its configuration."""
    import transformers

    settings = transformers.AutoConfig.from_pretrained(name, revision=config.revision or "main")
    towers = _TOWERS.get(settings.model_type.split("_")[0])
    if towers is not None:
        part = "vision_config" if modality == "image" else "text_config"
        tower = getattr(settings, part, settings)
        if hasattr(tower, "projection_dim") and hasattr(settings, "projection_dim"):
            tower.projection_dim = settings.projection_dim  # the tower's own says 512 for all
        return getattr(transformers, towers[modality]), tower
    if hasattr(settings, "vision_config"):
        raise BadConfig(
            f"{config.name!r} joins several models; of those only CLIP and SigLIP are known",
            hint="name a model that is one encoder alone",
        )
    return transformers.AutoModel, settings


def _preprocessing(processor: Any | None, settings: Any, pooling: str) -> ImagePreprocessing:
    """An image processor's settings in our words; without one, those that most models share."""
    if processor is None:
        size = getattr(settings, "image_size", 224)
        return ImagePreprocessing(size=size if isinstance(size, int) else size[0], pooling=pooling)
    size, cropped = dict(processor.size), dict(getattr(processor, "crop_size", None) or {})
    if "height" in size:
        shape: dict[str, Any] = {"size": size["height"], "fit": "stretch"}
    elif getattr(processor, "crop_pct", None):  # ConvNeXt's: the size is that of the crop
        crop = processor.crop_pct if size["shortest_edge"] < 384 else 1.0
        shape = {"size": size["shortest_edge"], "fit": "crop", "crop": crop}
    else:
        side = cropped["height"] if processor.do_center_crop else size["shortest_edge"]
        crop = min(1.0, side / size["shortest_edge"])
        shape = {"size": side, "fit": "crop", "crop": crop}
    normal = bool(processor.do_normalize)
    shape |= {"interpolation": _INTERPOLATIONS[int(processor.resample)]}
    return ImagePreprocessing(
        **shape,
        mean=tuple(processor.image_mean) if normal else (0.0, 0.0, 0.0),
        std=tuple(processor.image_std) if normal else (1.0, 1.0, 1.0),
        pooling=pooling,
    )
