import pytest
import torch
from torch import nn

from tests.training.encoders import tiny
from training.encoders import EncoderConfig, build_image_encoder, build_text_encoder
from training.encoders.tuning import blocks_of
from training.errors import BadConfig

EFFICIENTNET = "packaged/efficientnet-lite0"


def trainable(encoder) -> set[str]:
    return {name for name, p in encoder.backbone.named_parameters() if p.requires_grad}


def image_encoder(name: str = EFFICIENTNET, **changes):
    return build_image_encoder(EncoderConfig(name=name, pretrained=False, **changes))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        (EFFICIENTNET, 7),
        ("timm/test_vit", 6),
        ("timm/test_resnet", 4),
        ("torchvision/resnet18", 4),
        ("torchvision/vit_b_32", 12),
        ("torchvision/convnext_tiny", 8),
    ],
)
def test_blocks_are_found(name, count):
    if name.startswith("torchvision/"):  # without building an encoder: those are large
        from torchvision import models

        backbone = models.get_model(name.removeprefix("torchvision/"))
    else:
        backbone = image_encoder(name).backbone
    assert len(blocks_of(backbone)) == count


def test_frozen_trains_nothing_and_full_everything():
    assert not trainable(image_encoder())
    full = image_encoder(tuning="full")
    assert trainable(full) == {name for name, _ in full.backbone.named_parameters()}


def test_last_blocks_trains_them_and_what_follows():
    names = trainable(image_encoder(tuning="last_blocks", blocks=2))
    parts = {".".join(name.removeprefix("model.").split(".")[:2]) for name in names}
    assert parts == {
        *("blocks.5", "blocks.6"),
        *("conv_head.weight", "bn2.weight", "bn2.bias"),
    }


def test_last_blocks_of_a_text_encoder(tmp_path):
    name = f"transformers/{tiny.write_bert(tmp_path)}"
    encoder = build_text_encoder(EncoderConfig(name=name, tuning="last_blocks", blocks=1))
    assert {name.split(".layer.")[1][0] for name in trainable(encoder)} == {"2"}


def test_too_many_blocks_are_refused():
    with pytest.raises(BadConfig, match="has 7"):
        image_encoder(tuning="last_blocks", blocks=8)


def test_lora_trains_adapters_alone(tmp_path):
    names = trainable(image_encoder(tuning="lora", lora_rank=2))
    assert names and all("lora_" in name for name in names)
    assert not any("conv_dw" in name for name in names)  # depthwise: no matrix to adapt
    name = f"transformers/{tiny.write_bert(tmp_path)}"
    encoder = build_text_encoder(EncoderConfig(name=name, tuning="lora", lora_rank=2))
    assert all("lora_" in name for name in trainable(encoder))
    assert any("query" in name for name in trainable(encoder))


def test_adapters_change_nothing_before_they_are_trained():
    features = image_encoder().encode([tiny.picture(1)])
    adapted = image_encoder(tuning="lora").encode([tiny.picture(1)])
    torch.testing.assert_close(adapted, features, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("tuning", ["frozen", "last_blocks", "full", "lora"])
def test_training_moves_what_learns_and_no_statistics(tuning):
    encoder = image_encoder("timm/test_resnet", tuning=tuning, lora_rank=2).train()
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    features = encoder(encoder.preprocess([tiny.picture(1), tiny.picture(2)]))
    if tuning != "frozen":
        parameters = [p for p in encoder.parameters() if p.requires_grad]
        features.square().mean().backward()
        torch.optim.SGD(parameters, lr=1.0).step()
    changed = {n for n, t in encoder.state_dict().items() if not torch.equal(t, before[n])}
    assert changed <= {f"backbone.{name}" for name in trainable(encoder)}
    assert bool(changed) == (tuning != "frozen")


def test_frozen_parts_stay_in_evaluation_mode():
    encoder = image_encoder("timm/test_vit", tuning="last_blocks").train()
    blocks = blocks_of(encoder.backbone)
    assert blocks[-1].training and not blocks[0].training
    norms = [m for m in image_encoder(tuning="full").train().modules()]
    assert not any(m.training for m in norms if isinstance(m, nn.BatchNorm2d))
    assert not image_encoder().train().backbone.training
