"""Training encoders along with the towers: the same loop, with raw content in each batch."""

import io
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.acceleration.sharding import is_sharded
from training.data.clean import CleanData
from training.distributed import gather, rank, world_size
from training.encoders import Encoder
from training.encoders.base import Inputs
from training.examples import Examples

if TYPE_CHECKING:
    from training.batches import Batch

CHUNK = 64


class Content:
    """Raw images and texts by row, for encoders that learn.

    Args:
        folder: of the clean data; readable on every node.
    """

    def __init__(self, folder: Path) -> None:
        self._data = CleanData.open(folder)
        self._texts = self._data.posts(["text"])["text"]

    def of(self, modality: str, rows: Sequence[int]) -> list[bytes | str | None]:
        """Contents of the posts in `rows`; None where a post has none."""
        if modality == "image":
            return list(self._data.images(rows))
        return self._texts.take(list(rows)).to_pylist()


def encode_present(
    encoder: Encoder, raw: Sequence[bytes | str | None], frozen: Tensor, present: Tensor
) -> Tensor:
    """Features with gradients where there is content.

    Args:
        encoder: an image or a text encoder.
        raw: n contents.
        frozen: (n, F) features to keep where there is none.
        present: (n,) bool.
    Returns: (n, F).
    """
    return encode_inputs(encoder, inputs_of(encoder, raw, present), frozen, present)


def inputs_of(
    encoder: Encoder,
    raw: Sequence[bytes | str | None],
    present: Tensor,
    pool: Executor | None = None,
) -> Inputs:
    """What the encoder reads of the contents that are there; arguments as in `encode_present`.

    Images are shared out among the threads of `pool`, texts are padded to the longest of all.

    Returns: nothing if none is there; but a stand-in for an encoder that must run all the same.
    """
    there = [item for item, keep in zip(raw, present.tolist(), strict=True) if keep]
    if not there and not _must_run(encoder):
        return {}
    there = there or [_blank(encoder.modality)]
    threads = getattr(pool, "_max_workers", 1)
    if pool is None or encoder.modality != "image" or threads == 1:
        return encoder.preprocess(there)  # type: ignore[arg-type]
    size = -(-len(there) // threads)
    chunks = [there[at : at + size] for at in range(0, len(there), size)]
    parts = list(pool.map(encoder.preprocess, chunks))
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def read_contents(
    encoder: Encoder, content: Content, batch: "Batch", pool: Executor | None = None
) -> Inputs:
    """What the encoder reads of a batch's posts, on the CPU; see `inputs_of`."""
    raw = content.of(encoder.modality, batch.keys.row.tolist())
    return inputs_of(encoder, raw, getattr(batch.posts, f"has_{encoder.modality}"), pool)


def encode_inputs(encoder: Encoder, inputs: Inputs, frozen: Tensor, present: Tensor) -> Tensor:
    """As `encode_present`, of what `inputs_of` read."""
    there = bool(present.any())
    if not inputs or not (there or _must_run(encoder)):
        return frozen
    encoded = encoder({name: each.to(frozen.device) for name, each in inputs.items()})
    features = frozen.clone()
    if there:
        features[present] = encoded.to(features.dtype)
        return features
    return features + 0 * encoded.sum()  # the stand-in: no feature, but a part in the backward pass


def _must_run(encoder: Encoder) -> bool:
    """Whether the other workers count on this encoder, though this worker has nothing for it.

    A sharded one gives its weights to the others only while it runs. Of a whole copy that learns,
    DistributedDataParallel would take the gradients for ready at once and begin to sum them here,
    while the others are still at the gradients of embeddings: each would wait for the other.
    """
    return is_sharded(encoder) or (encoder.training and world_size() > 1)


@cache
def _blank(modality: str) -> bytes | str:
    if modality == "text":
        return ""
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    return file.getvalue()


@torch.no_grad()
def refreshed(
    encoders: nn.ModuleDict, examples: Examples, content: Content, device: torch.device | str
) -> Examples:
    """The examples with features of the encoders as they are now, on every worker.

    Histories and validation read features of the table; without this they would be those of the
    encoder before training, which no longer exists when the space is used. Each worker encodes its
    share of the rows and all share the result. All do so in equally many chunks: a sharded encoder
    needs every worker at each.
    """
    most = -(-len(examples.split) // world_size())
    features = examples.features
    for modality, encoder in encoders.items():
        encoder.eval()
        table: Tensor = getattr(features, modality)
        present: Tensor = getattr(features, f"has_{modality}")
        mine = torch.arange(len(table))[rank() :: world_size()]
        parts = [
            encode_present(
                encoder,  # type: ignore[arg-type]
                content.of(modality, rows.tolist()),
                table[rows].to(device),
                present[rows],
            )
            for rows in (mine[at : at + CHUNK] for at in range(0, most, CHUNK))
        ]
        everyone = gather([torch.cat(parts)], [most])[0].cpu()
        fresh = torch.empty_like(table)
        for worker in range(world_size()):
            rows = torch.arange(len(table))[worker :: world_size()]
            fresh[rows] = everyone[worker * most : worker * most + len(rows)]
        features = replace(features, **{modality: fresh})
    return replace(examples, features=features)
