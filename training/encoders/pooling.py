"""Models of the transformers library as backbones: one vector a picture or text."""

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.encoders.levels import side_by_side
from training.errors import BadConfig

ARCHITECTURE = "architecture"
"""Folder of a saved encoder with what the library needs to build the model anew."""

_HOOKS, _HOOKED = "transformers.utils.output_capturing", "_output_capturing_hooks_installed"


class Pooled(nn.Module):
    """A model and how its states become one vector.

    Args:
        model: of the transformers library.
        pooling: `embedding`, the model's own pooled output, or one computed from its last states.
        several: give the means of earlier layers' states beside it; see `levels`.
    """

    def __init__(self, model: Any, pooling: str, several: bool = False) -> None:
        super().__init__()
        self.model, self.several = model, several
        self.hidden: int = getattr(model.config, "hidden_size", 0)
        self.beside: tuple[int, ...] = (self.hidden, self.hidden) if several else ()
        """Widths of the parts after the pooled output."""
        self.use(pooling)

    def use(self, pooling: str) -> None:
        """Pool this way from now on. A pooler that is not used goes: it would never learn."""
        self.pooling = pooling
        if pooling != "embedding" and getattr(self.model, "pooler", None) is not None:
            self.model.pooler = None

    def __getstate__(self) -> dict[str, Any]:
        """Without the hooks by which transformers gathers states: they can't be pickled.

        The model puts them in anew when it is next asked for states.
        """
        if not self.several:
            return self.__dict__
        model = copy.deepcopy(self.model)
        for module in model.modules():
            for number, hook in list(module._forward_hooks.items()):
                if getattr(hook, "__module__", "") == _HOOKS:
                    del module._forward_hooks[number]
            module.__dict__.pop(_HOOKED, None)
        return self.__dict__ | {"_modules": {"model": model}}

    def _states(self, output: Any) -> tuple[Tensor, ...]:
        """States before the first layer and after each: (N, T, F) all.

        Raises: BadConfig if the model gives none, or of several shapes.
        """
        states = output.hidden_states or ()
        if not states or any(s.ndim != 3 or s.shape[2] != self.hidden for s in states):
            raise BadConfig(
                f"levels is several, but a {self.model.config.model_type!r} has no states of "
                "one width in all its layers",
                hint="use levels=last, or another model",
            )
        return states

    def save_architecture(self, folder: Path) -> None:
        """Write what builds the model without its weights."""
        self.model.config.save_pretrained(folder / ARCHITECTURE)


class PooledText(Pooled):
    """A text model; pools by `mean` over the tokens, the `first` token, or its own `embedding`.

    Several levels: the words themselves (layer 0) and the middle layer beside it.
    """

    def forward(self, **inputs: Tensor) -> Tensor:
        """Tokens (N, T) to (N, F)."""
        output = self.model(**inputs, output_hidden_states=self.several)
        mask = inputs.get("attention_mask", torch.ones_like(inputs["input_ids"]))
        last = self._last(output, mask)
        if not self.several:
            return last
        states = self._states(output)
        words, middle = states[0], states[(len(states) - 1) // 2]
        return side_by_side([last, _masked_mean(words, mask), _masked_mean(middle, mask)])

    def _last(self, output: Any, mask: Tensor) -> Tensor:
        if self.pooling == "embedding":
            return _embedding(output, "text_embeds")
        states = output.last_hidden_state
        return states[:, 0] if self.pooling == "first" else _masked_mean(states, mask)


class PooledImage(Pooled):
    """A vision model; pools by `mean` over all positions, or its own `embedding`.

    Several levels: the layers at a third and at two thirds beside it.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (N, 3, S, S) to (N, F)."""
        output = self.model(pixel_values=pixels, output_hidden_states=self.several)
        last = self._last(output)
        if not self.several:
            return last
        states = self._states(output)
        layers = len(states) - 1
        earlier = states[layers // 3], states[2 * layers // 3]
        return side_by_side([last, *(layer.mean(1) for layer in earlier)])

    def _last(self, output: Any) -> Tensor:
        if self.pooling == "embedding":
            return _embedding(output, "image_embeds").flatten(1)
        states = output.last_hidden_state
        return states.mean(1) if states.ndim == 3 else states.mean((2, 3))


def _masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """States (N, T, F) of the tokens that a mask (N, T) lets through to (N, F)."""
    mask = mask.unsqueeze(-1).to(states.dtype)
    return (states * mask).sum(1) / mask.sum(1).clamp_min(1)


def _embedding(output: Any, projected: str) -> Tensor:
    """The model's own pooled vector; the one in the space of its sister tower, if it has one."""
    vector = getattr(output, projected, None)
    return output.pooler_output if vector is None else vector
