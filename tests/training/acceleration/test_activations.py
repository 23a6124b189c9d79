"""Activation checkpointing: the same gradients, blocks run twice."""

from pathlib import Path

import pytest
import torch

from tests.training.encoders.tiny import write_bert
from training.acceleration.activations import checkpoint_activations
from training.encoders import Encoder, EncoderConfig, build_image_encoder, build_text_encoder
from training.encoders.tuning import blocks_of


def build(name: str, folder: Path) -> tuple[Encoder, dict[str, torch.Tensor]]:
    config = EncoderConfig(name=name, pretrained=False, tuning="full", image_size=32)
    if name == "bert":
        write_bert(folder / "bert")
        words = config.model_copy(update={"name": f"transformers/{folder / 'bert'}"})
        encoder = build_text_encoder(words)
        return encoder, encoder.preprocess(["a red cat", "the sky"])
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, 3, 32, 32), generator=generator, dtype=torch.uint8)
    return build_image_encoder(config), {"pixels": pixels}


def gradients(encoder: Encoder, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)  # dropout
    encoder.train()
    encoder.zero_grad()
    encoder(inputs).square().sum().backward()
    return {name: p.grad.clone() for name, p in encoder.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(
    ("name", "sharded", "switch"),
    [
        ("bert", False, "transformers"),
        ("timm/test_vit", False, "timm"),
        ("timm/test_efficientnet", True, "blocks"),
        ("torchvision/resnet18", False, "blocks"),
    ],
)
def test_gradients_are_equal_and_blocks_run_twice(name, sharded, switch, tmp_path):
    encoder, inputs = build(name, tmp_path)
    wanted = gradients(encoder, inputs)
    names = list(encoder.state_dict())
    assert checkpoint_activations(encoder.backbone, sharded=sharded) == switch
    runs = []
    # the first layer with weights: running the block anew ends when nothing more is missing
    inner = next(m for m in blocks_of(encoder.backbone)[0].modules() if list(m.parameters(False)))
    inner.register_forward_hook(lambda *_: runs.append(1))
    found = gradients(encoder, inputs)
    assert len(runs) == 2
    assert list(encoder.state_dict()) == names
    assert set(found) == set(wanted) and wanted
    for each, gradient in wanted.items():
        torch.testing.assert_close(found[each], gradient, rtol=1e-5, atol=1e-6, msg=each)
