"""Image encoders of timm: `timm/<name>`, such as `timm/vit_small_patch16_224.augreg_in21k`."""

from typing import Any

from training.encoders.config import EncoderConfig
from training.encoders.hub import loading
from training.encoders.image import (
    ImageEncoder,
    ImagePreprocessing,
    image_encoders,
    pooled_width,
)
from training.encoders.levels import SeveralStages
from training.errors import BadConfig


@image_encoders.register("timm")
def timm_encoder(config: EncoderConfig) -> ImageEncoder:
    """Any timm model without its classifier.

    Raises:
        BadConfig: timm knows no such model, or it can't give several levels.
        Unavailable: its weights don't come.
    """
    import timm
    from timm.data import resolve_model_data_config

    name = config.name.removeprefix("timm/")
    architecture = name.split(".")[0]
    if not timm.is_model(architecture):
        near = timm.list_models(f"*{architecture[:8]}*")[:5]
        raise BadConfig(f"timm has no model {name!r}", hint=", ".join(near))
    options: dict[str, Any] = {"img_size": config.image_size} if config.image_size else {}
    with loading(config):
        try:
            backbone = timm.create_model(
                name, pretrained=config.pretrained, num_classes=0, **options
            )
        except TypeError:  # convolutional models take any size, and no such option
            backbone = timm.create_model(name, pretrained=config.pretrained, num_classes=0)
        except RuntimeError as error:  # no weights of that tag
            raise BadConfig(f"encoder {config.name!r}: {error}") from None
    if config.several and not hasattr(backbone, "forward_intermediates"):
        raise BadConfig(
            f"levels is several, but {config.name!r} gives no states of its stages",
            hint="use levels=last, or another model",
        )
    own = resolve_model_data_config(backbone)
    preprocessing = ImagePreprocessing(
        size=own["input_size"][-1],
        fit="crop" if own["crop_mode"] == "center" else "stretch",
        crop=own["crop_pct"],
        interpolation=own["interpolation"],
        mean=own["mean"],
        std=own["std"],
    ).adapted(config)
    module = SeveralStages(backbone) if config.several else backbone
    width = pooled_width(module, preprocessing.size, config)
    return ImageEncoder(config, module, width, preprocessing)
