"""Caches of encoder features, which know contents by their hash."""

from pathlib import Path

import torch
from safetensors import safe_open

from recsys.forgetting.keeper import Erased
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.data.files import exclusive
from training.features.parts import HASH_BYTES, Part


class FeatureCaches:
    """The folders below `<workspace>/features`, one an encoder.

    A content that others posted too goes as well: it is encoded again when it is needed.

    Args:
        workspace: of the product.
    """

    name = "feature caches"

    def __init__(self, workspace: Path) -> None:
        self._home = workspace / "features"

    def erase(self, subject: Subject) -> Erased:
        """Write parts anew without the subject's contents, and drop tables gathered from them."""
        if not subject.contents:
            return Erased()
        gone = torch.tensor([list(bytes.fromhex(hash)) for hash in subject.contents])
        removed = 0
        for folder in sorted(self._home.glob("*/")):
            with exclusive(folder / ".lock"):
                here = sum(_without(path, gone) for path in sorted(folder.glob("part-*")))
                if here:
                    for table in folder.glob("table-*.npy"):
                        table.unlink(missing_ok=True)  # who has it mapped keeps it
            removed += here
        return Erased({"vectors": removed} if removed else {})

    def holds(self, subject: Subject) -> list[Found]:
        """None: they are files, and hold no ids."""
        return []


def _without(path: Path, gone: torch.Tensor) -> int:
    """Take rows out of a part; how many. The new file is there before the old one goes."""
    with safe_open(path, framework="pt") as file:
        hashes = file.get_tensor("hashes")
    known = {bytes(row) for row in gone.to(torch.uint8).numpy()}
    assert hashes.shape[1] == HASH_BYTES
    kept = torch.tensor([bytes(row) not in known for row in hashes.numpy()], dtype=torch.bool)
    if bool(kept.all()):
        return 0
    part = Part.open(path)
    if bool(kept.any()):
        Part(part.hashes[kept].contiguous(), part.vectors[kept].contiguous()).write(path.parent)
    path.unlink()
    return int((~kept).sum())
