"""Models of the transformers library as backbones: one vector a picture or text."""

from typing import Any

import torch
from torch import Tensor, nn


class PooledText(nn.Module):
    """A text model and how its token vectors become one.

    Args:
        model: of the transformers library.
        pooling: `mean` over the tokens, the `first` token, or the model's own: its `embedding`.
    """

    def __init__(self, model: Any, pooling: str) -> None:
        super().__init__()
        if pooling != "embedding" and getattr(model, "pooler", None) is not None:
            model.pooler = None  # it would neither be used nor learn
        self.model, self.pooling = model, pooling

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


class PooledImage(nn.Module):
    """A vision model and how it becomes one vector.

    Args:
        model: of the transformers library.
        trained_pooler: whether its own pooling was trained; else the mean over all positions.
    """

    def __init__(self, model: Any, trained_pooler: bool) -> None:
        super().__init__()
        if not trained_pooler and getattr(model, "pooler", None) is not None:
            model.pooler = None
        self.model, self.trained_pooler = model, trained_pooler

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, S, S) to (N, F)."""
        output = self.model(pixel_values=pixels)
        if self.trained_pooler:
            return _embedding(output, "image_embeds").flatten(1)
        states = output.last_hidden_state
        return states.mean(1) if states.ndim == 3 else states.mean((2, 3))


def _embedding(output: Any, projected: str) -> Tensor:
    """The model's own pooled vector; the one in the space of its sister tower, if it has one."""
    vector = getattr(output, projected, None)
    return output.pooler_output if vector is None else vector
