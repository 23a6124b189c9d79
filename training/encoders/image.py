"""Image encoders: encoded pictures to squares of pixels to pooled features."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from PIL import Image
from pydantic import Field
from torch import Tensor, nn

from training.config import Config
from training.data.config import ImageLimits
from training.data.images import decode_image
from training.encoders.base import Encoder, Inputs
from training.encoders.config import EncoderConfig, Fit
from training.encoders.fusion import fused, fusible
from training.encoders.pooling import Pooled
from training.errors import BadConfig
from training.registry import Registry

image_encoders: Registry[Callable[[EncoderConfig], "ImageEncoder"]] = Registry("image encoder")
"""Builders by family (`timm`) or whole name (`packaged/efficientnet-lite0`)."""

_PREPROCESSING = "preprocessing.json"
_INTERPOLATIONS = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "nearest": Image.Resampling.NEAREST,
}
# Large photographs are first shrunk by whole factors, to no less than three times the goal: many
# times faster, and hardly a grey level off.
_REDUCING_GAP = 3.0


class ImagePreprocessing(Config):
    """How an encoded picture becomes the square of numbers that a backbone was trained on."""

    size: Annotated[int, Field(ge=16)] = 224
    fit: Fit = "stretch"
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the shorter side that stays, when the middle is cropped."""
    interpolation: Literal["bilinear", "bicubic", "lanczos", "nearest"] = "bicubic"
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    pooling: str = ""
    """How the backbone pools, where it can in several ways; see `PooledImage`."""

    def adapted(self, config: EncoderConfig) -> "ImagePreprocessing":
        """The backbone's own preprocessing with what the configuration asks for instead."""
        wanted = {"size": config.image_size, "fit": config.image_fit}
        return self.model_copy(update={k: v for k, v in wanted.items() if v is not None})

    def square(self, image: Image.Image) -> Image.Image:
        """An RGB picture of any shape as size x size."""
        side, filter = (self.size, self.size), _INTERPOLATIONS[self.interpolation]
        if self.fit == "pad":
            return _padded(image, self.size, filter)
        box = _middle(image.size, self.size, self.crop) if self.fit == "crop" else None
        if image.size == side and box is None:
            return image
        return image.resize(side, filter, box=box, reducing_gap=_REDUCING_GAP)


class ImageEncoder(Encoder[bytes]):
    """Encoded pictures (JPEG, PNG, WebP, …) to features.

    Args:
        config, backbone, dimension, source: see `Encoder`.
        preprocessing: from picture to pixels.
    """

    modality = "image"
    limits = ImageLimits()
    """Which pictures are read at all."""
    _scale: Tensor
    _shift: Tensor
    batch_on_cpu = 8  # the activations of more leave the cache: slower by half on 32

    def __init__(
        self,
        config: EncoderConfig,
        backbone: nn.Module,
        dimension: int,
        preprocessing: ImagePreprocessing,
        source: str | None = None,
    ) -> None:
        super().__init__(config, backbone, dimension, source)
        self.backbone = self.backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._fused: tuple[object, nn.Module] | None = None
        self._use(preprocessing)

    def preprocess(self, raw: Sequence[bytes]) -> Inputs:
        """N pictures to `pixels`: (N, 3, size, size) uint8, channels last in memory.

        Raises: BadData naming what is wrong with a picture.
        """
        size = self.preprocessing.size
        pixels = np.empty((len(raw), size, size, 3), np.uint8)
        for row, data in enumerate(raw):
            pixels[row] = np.asarray(self.preprocessing.square(decode_image(data, self.limits)))
        return {"pixels": torch.from_numpy(pixels).permute(0, 3, 1, 2)}

    def features(self, backbone: nn.Module, inputs: Inputs) -> Tensor:
        """Pixels to (N, dimension); they are scaled here, on the device, where it costs nothing."""
        return backbone(inputs["pixels"].float() * self._scale + self._shift)

    def preprocessing_settings(self) -> dict[str, Any]:
        return self.preprocessing.model_dump(mode="json")

    def save_preprocessing(self, folder: Path) -> None:
        text = self.preprocessing.model_dump_json(indent=1)
        (folder / _PREPROCESSING).write_text(text, encoding="utf-8")

    def restore_preprocessing(self, folder: Path) -> None:
        text = (folder / _PREPROCESSING).read_text(encoding="utf-8")
        self._use(ImagePreprocessing.parse(json.loads(text)))

    def optimised(self) -> nn.Module:
        """A copy with normalisation and adapters fused away; renewed when weights change."""
        if not fusible(self.backbone):
            return self.backbone
        state = _state_of(self.backbone)
        if self._fused is None or self._fused[0] != state:
            # in a tuple, so that the copy is no submodule: it is neither saved nor trained
            self._fused = state, fused(self.backbone, self.preprocessing.size)
        return self._fused[1]

    def _use(self, preprocessing: ImagePreprocessing) -> None:
        self.preprocessing = preprocessing
        if isinstance(self.backbone, Pooled):
            self.backbone.use(preprocessing.pooling)
        mean = torch.tensor(preprocessing.mean, device=self.device).view(1, 3, 1, 1)
        std = torch.tensor(preprocessing.std, device=self.device).view(1, 3, 1, 1)
        self.register_buffer("_scale", 1 / (255 * std), persistent=False)
        self.register_buffer("_shift", -mean / std, persistent=False)


def pooled_width(backbone: nn.Module, size: int, config: EncoderConfig) -> int:
    """Width of a backbone's features, from a blank picture.

    Raises: BadConfig if it takes no picture of that size, or doesn't pool.
    """
    try:
        with torch.inference_mode():
            features = backbone.eval()(torch.zeros(1, 3, size, size))
    except (AssertionError, RuntimeError, ValueError) as error:
        raise BadConfig(f"{config.name!r} takes no image of size {size}: {error}") from error
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise BadConfig(f"{config.name!r} gives no pooled features")
    return features.shape[1]


def _state_of(module: nn.Module) -> tuple[tuple[int, int], ...]:
    """Changes whenever a weight is replaced, moved, or written to."""
    return tuple((t.data_ptr(), t._version) for t in module.state_dict(keep_vars=True).values())


def _middle(size: tuple[int, int], side: int, share: float) -> tuple[float, float, float, float]:
    """What is left of a picture that is resized to `side / share` at its shorter side, and cropped.

    In pixels of the picture, so that one pass does both; rounded where those who resize first do.
    """
    shorter = round(side / share)
    scales = [max(shorter, int(shorter * length / min(size))) / length for length in size]
    starts = [
        round((length * scale - side) / 2) for length, scale in zip(size, scales, strict=True)
    ]
    left, top = (start / scale for start, scale in zip(starts, scales, strict=True))
    return left, top, left + side / scales[0], top + side / scales[1]


def _padded(image: Image.Image, size: int, filter: Image.Resampling) -> Image.Image:
    scale = size / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    canvas = Image.new("RGB", (size, size), (255, 255, 255))
    inner = image.resize((width, height), filter, reducing_gap=_REDUCING_GAP)
    canvas.paste(inner, ((size - width) // 2, (size - height) // 2))
    return canvas
