"""What an encoder that learns holds of each picture or text until the backward pass.

python -m infra.benchmarks.training_activations counts the tensors that autograd keeps, on the CPU:
weights and activations have the same sizes on a GPU. CLIP and SigLIP are built with random weights.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from infra.cli.output import note
from training.acceleration.activations import checkpoint_activations
from training.encoders import build_image_encoder, build_text_encoder
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.encoders.pooling import PooledImage, PooledText
from training.encoders.tuning import blocks_of

_FEW, _MORE = 1, 3
"""Batches whose difference tells what one more row costs."""

Inputs = Callable[[int], dict[str, Tensor]]


def main() -> None:
    """Print a line an encoder."""
    note("encoder | weights, millions | blocks | MB a row: float32 | bf16 | checkpointed, bf16")
    for name, (backbone, inputs) in encoders().items():
        for parameter in backbone.parameters():
            parameter.requires_grad_(True)
        backbone.train()
        plain = kept_a_row(backbone, inputs, half=False)
        half = kept_a_row(backbone, inputs, half=True)
        blocks = len(blocks_of(backbone))
        checkpoint_activations(backbone, sharded=True)
        outside = kept_a_row(backbone, inputs, half=True)
        # while one block is computed anew, its activations are there too
        checkpointed = outside + (half - outside) / blocks
        weights = sum(p.numel() for p in backbone.parameters()) / 1e6
        figures = " | ".join(f"{each / 1e6:.1f}" for each in (plain, half, checkpointed))
        note(f"{name} | {weights:.1f} | {blocks} | {figures}")


def encoders() -> dict[str, tuple[nn.Module, Inputs]]:
    """Backbones, and a batch of n inputs for each."""
    import transformers

    vision, text = transformers.CLIPVisionConfig(), transformers.CLIPTextConfig()
    clip_image: Any = transformers.CLIPVisionModelWithProjection(vision)
    clip_text: Any = transformers.CLIPTextModelWithProjection(text)
    siglip_image: Any = transformers.SiglipVisionModel(
        transformers.SiglipVisionConfig(patch_size=16)
    )
    siglip_text: Any = transformers.SiglipTextModel(
        transformers.SiglipTextConfig(vocab_size=256_000)
    )
    return {
        "packaged/efficientnet-lite0": (build_image_encoder(IMAGE_DEFAULT).backbone, _pixels),
        "packaged/all-minilm-l6-v2, 32 tokens": (
            build_text_encoder(TEXT_DEFAULT).backbone,
            _tokens(32),
        ),
        "openai/clip-vit-base-patch32, image": (PooledImage(clip_image, "embedding"), _pixels),
        "openai/clip-vit-base-patch32, 77 tokens": (
            PooledText(clip_text, "embedding"),
            _tokens(77),
        ),
        "google/siglip2-base-patch16-224, image": (
            PooledImage(siglip_image, "embedding"),
            _pixels,
        ),
        "google/siglip2-base-patch16-224, 64 tokens": (
            PooledText(siglip_text, "embedding"),
            _tokens(64),
        ),
    }


def kept_a_row(backbone: nn.Module, inputs: Inputs, *, half: bool) -> float:
    """Bytes that autograd keeps for one more row."""
    few, more = (_kept(backbone, inputs(rows), half) for rows in (_FEW, _MORE))
    return (more - few) / (_MORE - _FEW)


def _kept(backbone: nn.Module, inputs: dict[str, Tensor], half: bool) -> int:
    weights = {p.untyped_storage().data_ptr() for p in backbone.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in weights:
            kept[place] = tensor
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=half),
    ):
        features = backbone(**inputs)
    assert features.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def _pixels(rows: int) -> dict[str, Tensor]:
    return {"pixels": torch.randn(rows, 3, 224, 224)}


def _tokens(length: int) -> Inputs:
    def batch(rows: int) -> dict[str, Tensor]:
        ids = torch.full((rows, length), 5)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    return batch


if __name__ == "__main__":
    main()
