import pytest
import torch
from torch import nn

from training.encoders import EncoderConfig, build_image_encoder
from training.encoders.fusion import fused, fusible


def backbone_of(name: str, **changes):
    backbone = build_image_encoder(
        EncoderConfig(name=name, pretrained=False, **changes)  # type: ignore[arg-type]
    ).backbone
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in backbone.modules():
            if isinstance(module, nn.BatchNorm2d):  # as after training
                module.running_mean.uniform_(-0.3, 0.3, generator=generator)
                module.running_var.uniform_(0.5, 2, generator=generator)
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.uniform_(-0.2, 0.2, generator=generator)
        for name_, parameter in backbone.named_parameters():
            if "lora_" in name_:
                parameter.normal_(0, 0.05, generator=generator)
    return backbone


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("packaged/efficientnet-lite0", 96),
        ("packaged/efficientnet-lite0", 90),  # odd sides on the way: padding is kept there
        ("timm/test_resnet", 64),
        ("timm/test_efficientnet", 64),
        ("torchvision/mobilenet_v3_small", 64),
    ],
)
def test_fused_gives_the_same_features(name, size):
    backbone = backbone_of(name)
    pixels = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        wanted = backbone(pixels)
        found = fused(backbone, size)(pixels)
    scale = float(wanted.abs().max())
    assert float((found - wanted).abs().max()) <= 1e-5 * scale + 1e-7


def test_the_packaged_encoder_loses_all_normalisation_and_padding():
    copy = fused(backbone_of("packaged/efficientnet-lite0"), 64)
    kinds = {type(module).__name__ for module in copy.modules()}
    assert "BatchNormAct2d" not in kinds and "Conv2dSame" not in kinds


def test_adapters_are_merged():
    backbone = backbone_of("packaged/efficientnet-lite0", tuning="lora")
    pixels = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        wanted, copy = backbone(pixels), fused(backbone, 64)
        found = copy(pixels)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    assert not any("lora" in name for name, _ in copy.named_parameters())
    assert any("lora" in name for name, _ in backbone.named_parameters())


class Forked(nn.Module):
    """The convolution's output is used beside the normalisation too: fusing would be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, pixels):
        made = self.conv(pixels)
        return (self.norm(made) + made).mean((2, 3))


def test_what_can_not_be_fused_stays_as_it_is():
    forked = Forked().eval()
    forked.norm.running_mean.fill_(0.5)
    pixels = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(fused(forked, 32)(pixels), forked(pixels))
    assert not fusible(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()))
