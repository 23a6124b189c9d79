"""Encoders on disk: JSON, preprocessing, and those weights that can't be had by name."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.encoders.base import Encoder
from training.encoders.build import build_encoder
from training.encoders.config import EncoderConfig
from training.encoders.pooling import ARCHITECTURE, Pooled
from training.errors import BadConfig, BadData

FORMAT = 1
_RECORD, _WEIGHTS = "encoder.json", "weights.safetensors"


class EncoderRecord(BaseModel):
    """What a saved encoder is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    modality: str
    config: EncoderConfig
    dimension: int
    fingerprint: str


def save_encoder(encoder: Encoder[Any], folder: Path) -> None:
    """Write what `load_encoder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    record = EncoderRecord(
        format=FORMAT,
        modality=encoder.modality,
        config=encoder.config,
        dimension=encoder.dimension,
        fingerprint=encoder.fingerprint(),
    )
    encoder.save_preprocessing(folder)
    if isinstance(encoder.backbone, Pooled):
        encoder.backbone.save_architecture(folder)
    if weights := _kept(encoder):
        save_file(weights, folder / _WEIGHTS)
    # last: a folder with a record is whole
    (folder / _RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")


def read_record(folder: Path) -> EncoderRecord:
    """What lies in a folder, without loading it. Raises: BadData if it is no saved encoder."""
    try:
        text = (folder / _RECORD).read_text(encoding="utf-8")
        document = json.loads(text)
        document["config"].setdefault("levels", "last")  # all there was before one could choose
        record = EncoderRecord.model_validate(document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadData(f"{folder} holds no readable encoder: {error}") from None
    if record.format != FORMAT or record.modality not in ("image", "text"):
        raise BadData(f"{folder} has encoder format {record.format}; this release reads {FORMAT}")
    return record


def load_encoder(folder: Path) -> Encoder[Any]:
    """Read a saved encoder, with its own preprocessing and its trained weights.

    Raises:
        BadData: the folder is broken, or the encoder of that name is another one now.
        Unavailable: frozen weights have to be downloaded, and don't come.
    """
    record = read_record(folder)
    encoder = build_encoder(record.modality, _buildable(record.config, folder))
    encoder.config = record.config
    try:
        encoder.restore_preprocessing(folder)
        if wanted := set(_kept(encoder)):
            weights = load_file(folder / _WEIGHTS)
            if set(weights) != wanted:
                raise BadData(f"{folder / _WEIGHTS} holds the weights of another architecture")
            encoder.load_state_dict(weights, strict=False)
    except (OSError, ValueError, RuntimeError, SafetensorError, BadConfig) as error:
        raise BadData(f"{folder} holds no readable encoder: {error}") from None
    if encoder.fingerprint() != record.fingerprint:
        raise BadData(
            f"encoder {record.config.name!r} is not the one that was saved in {folder}",
            hint="its weights have changed where they come from; pin them with `revision`",
        )
    return encoder


def _kept(encoder: Encoder[Any]) -> dict[str, Tensor]:
    """The tensors that a folder holds.

    Of a frozen encoder none: it is built by name. Of a trained one that installs as a package,
    those that learn (batch statistics never do, see `tuning.hold_still`). Of any other trained
    one all, so that nothing has to be downloaded where it is used.
    """
    if encoder.config.tuning == "frozen":
        return {}
    learns = {name for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    return {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in encoder.state_dict().items()
        if name in learns or not _installs(encoder.config)
    }


def _installs(config: EncoderConfig) -> bool:
    return config.name.startswith("packaged/")


def _buildable(config: EncoderConfig, folder: Path) -> EncoderConfig:
    """A configuration that builds the saved architecture where its weights are to come from."""
    if config.tuning == "frozen" or _installs(config):
        return config
    changes: dict[str, Any] = {"pretrained": False}
    if config.name.startswith("transformers/"):
        changes["name"] = f"transformers/{folder / ARCHITECTURE}"
    return config.model_copy(update=changes)
