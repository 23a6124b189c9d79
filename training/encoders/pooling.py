"""Models of the transformers library as backbones: one vector a picture or text."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ARCHITECTURE = "architecture"
"""Folder of a saved encoder with what the library needs to build the model anew."""


class Pooled(nn.Module):
    """A model and how its states become one vector.

    Args:
        model: of the transformers library.
        pooling: `embedding`, the model's own pooled output, or one computed from its last states.
    """

    def __init__(self, model: Any, pooling: str) -> None:
        super().__init__()
        self.model = model
        self.use(pooling)

    def use(self, pooling: str) -> None:
        """Pool this way from now on. A pooler that is not used goes: it would never learn."""
        self.pooling = pooling
        if pooling != "embedding" and getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None

    def save_architecture(self, folder: Path) -> None:
        """Write what builds the model without its weights."""
        self.model.config.save_pretrained(folder / ARCHITECTURE)


class PooledText(Pooled):
    """A text model; pools by `mean` over the tokens, the `first` token, or its own `embedding`."""

    def forward(self, **inputs: Tensor) -> Tensor:
        """Tokens (N, T) to (N, F)."""
        output = self.model(**inputs)
        if self.pooling == "embedding":
            return _embedding(output, "text_embeds")
        states = output.last_hidden_state
        if self.pooling == "first":
            return states[:, 0]
        mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
        mask = mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1).clamp_min(1)


class PooledImage(Pooled):
    """A vision model; pools by `mean` over all positions, or its own `embedding`."""

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, S, S) to (N, F)."""
        output = self.model(pixel_values=pixels)
        if self.pooling == "embedding":
            return _embedding(output, "image_embeds").flatten(1)
        states = output.last_hidden_state
        return states.mean(1) if states.ndim == 3 else states.mean((2, 3))


def _embedding(output: Any, projected: str) -> Tensor:
    """The model's own pooled vector; the one in the space of its sister tower, if it has one."""
    vector = getattr(output, projected, None)
    return output.pooler_output if vector is None else vector
