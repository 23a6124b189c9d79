"""Image encoders of torchvision: `torchvision/<name>`, such as `torchvision/resnet50`."""

import difflib

from torch import nn

from training.encoders.config import EncoderConfig
from training.encoders.hub import loading
from training.encoders.image import (
    ImageEncoder,
    ImagePreprocessing,
    image_encoders,
    pooled_width,
)
from training.errors import BadConfig


@image_encoders.register("torchvision")
def torchvision_encoder(config: EncoderConfig) -> ImageEncoder:
    """Any classification model of torchvision without its last layer.

    Raises:
        BadConfig: there is no such model, or several levels are asked for.
        Unavailable: its weights don't come.
    """
    from torchvision import models

    name = config.name.removeprefix("torchvision/")
    known = models.list_models(module=models)
    if name not in known:
        near = difflib.get_close_matches(name, known) or known
        raise BadConfig(f"torchvision has no image model {name!r}", hint=", ".join(near[:5]))
    if config.several:
        raise BadConfig(
            f"levels is several, but {config.name!r} gives its last layer alone",
            hint="use levels=last, or a model of timm or transformers",
        )
    weights = models.get_model_weights(name)["DEFAULT"]
    with loading(config):
        backbone = models.get_model(name, weights=weights if config.pretrained else None)
    _drop_classifier(backbone, config)
    own = weights.transforms()
    preprocessing = ImagePreprocessing(
        size=own.crop_size[0],
        fit="crop",
        crop=min(1.0, own.crop_size[0] / own.resize_size[0]),
        interpolation=own.interpolation.value,
        mean=tuple(own.mean),
        std=tuple(own.std),
    ).adapted(config)
    width = pooled_width(backbone, preprocessing.size, config)
    return ImageEncoder(config, backbone, width, preprocessing)


def _drop_classifier(backbone: nn.Module, config: EncoderConfig) -> None:
    linear = [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise BadConfig(f"{config.name!r} ends in no linear classifier that could be dropped")
    path, _, leaf = linear[-1].rpartition(".")
    setattr(backbone.get_submodule(path), leaf, nn.Identity())
