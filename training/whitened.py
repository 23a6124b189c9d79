"""Whitened features on disk, where there are too many to whiten them in every worker's memory."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.examples import Examples
from training.modalities import PostFeatures
from training.model.joint_space import JointSpace

IN_MEMORY_BYTES = 1 << 26
"""A smaller table is whitened by each worker; that takes less time than to write and read it."""
_ROWS_AT_ONCE = 1 << 14
_MODALITIES = ("image", "text")


@torch.inference_mode()
def save_whitened(space: JointSpace, examples: Examples, folder: Path) -> None:
    """Whiten all features once, some at a time, beside the examples that `Examples.save` wrote.

    Args:
        space: whose whitening is fitted.
        examples: with features of encoders.
        folder: of the examples; what an earlier call left there goes.
    """
    for modality in _MODALITIES:
        _path(folder, modality).unlink(missing_ok=True)
    widths = {"image": space.whiten_image.width, "text": space.whiten_text.width}
    count = len(examples.features)
    if 4 * count * sum(widths.values()) <= IN_MEMORY_BYTES:
        return
    tables = {
        modality: np.lib.format.open_memmap(
            _path(folder, modality), "w+", np.float32, (count, widths[modality])
        )
        for modality in _MODALITIES
    }
    for rows in torch.arange(count).split(_ROWS_AT_ONCE):
        white = space.whiten(examples.features[rows])
        for modality, table in tables.items():
            table[int(rows[0]) : int(rows[-1]) + 1] = getattr(white, modality).numpy()
    for table in tables.values():
        table.flush()


def with_whitened(examples: Examples, folder: Path) -> Examples:
    """The examples with the features that `save_whitened` wrote; themselves if it wrote none."""
    if not _path(folder, _MODALITIES[-1]).exists():
        return examples
    features = examples.features
    mapped = PostFeatures(
        _mapped(_path(folder, "image")),
        features.has_image,
        _mapped(_path(folder, "text")),
        features.has_text,
    )
    return replace(examples, features=mapped, whitened=True)


def _path(folder: Path, modality: str) -> Path:
    return folder / f"whitened_{modality}.npy"


def _mapped(path: Path) -> Tensor:
    # copy-on-write: torch wants writable memory, the file must not change
    return torch.from_numpy(np.load(path, mmap_mode="c"))
