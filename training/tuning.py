"""Training encoders along with the towers: the same loop, with raw content in each batch."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from training.data.clean import CleanData
from training.distributed import gather, rank, world_size
from training.encoders import Encoder
from training.examples import Examples

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
    there = [item for item, keep in zip(raw, present.tolist(), strict=True) if keep]
    if not there:
        return frozen
    inputs = {k: v.to(frozen.device) for k, v in encoder.preprocess(there).items()}  # type: ignore[arg-type]
    features = frozen.clone()
    features[present] = encoder(inputs).to(features.dtype)
    return features


@torch.no_grad()
def refreshed(
    encoders: nn.ModuleDict, examples: Examples, content: Content, device: torch.device | str
) -> Examples:
    """The examples with features of the encoders as they are now, on every worker.

    Histories and validation read features of the table; without this they would be those of the
    encoder before training, which no longer exists when the space is used. Each worker encodes its
    share of the rows and all share the result.
    """
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
            for rows in mine.split(CHUNK)
        ]
        everyone = gather(torch.cat(parts), -(-len(table) // world_size())).cpu()
        fresh = torch.empty_like(table)
        most = len(everyone) // world_size()
        for worker in range(world_size()):
            rows = torch.arange(len(table))[worker :: world_size()]
            fresh[rows] = everyone[worker * most : worker * most + len(rows)]
        features = replace(features, **{modality: fresh})
    return replace(examples, features=features)
