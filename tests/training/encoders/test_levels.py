import json

import pytest
import torch
from torch.nn.functional import normalize

from tests.training.encoders import tiny
from training.encoders import (
    EncoderConfig,
    build_image_encoder,
    build_text_encoder,
    load_encoder,
)
from training.encoders.build import build_encoder
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.encoders.fusion import fused
from training.encoders.levels import SeveralStages, side_by_side
from training.encoders.tuning import blocks_of
from training.errors import BadConfig

RAW = {
    "image": [tiny.picture(seed) for seed in range(3)],
    "text": ["a red cat", "the green tree and the sky " * 3, ""],
}
DEFAULTS = {"image": IMAGE_DEFAULT, "text": TEXT_DEFAULT}


def timm_config(name: str, levels: str = "several", **changes) -> EncoderConfig:
    return EncoderConfig(name=f"timm/{name}", pretrained=False, levels=levels, **changes)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return {name: getattr(tiny, f"write_{name}")(root / name) for name in ("bert", "vit", "clip")}


def check_parts(modality: str, config: EncoderConfig, widths: tuple[int, ...]) -> None:
    """The parts have these widths and unit length, and the first one is the last level's."""
    both = {
        levels: build_encoder(modality, config.model_copy(update={"levels": levels}))
        for levels in ("last", "several")
    }
    last, several = both["last"], both["several"]
    assert several.parts == widths and several.dimension == sum(widths)
    assert last.parts == (last.dimension,) == widths[:1]
    found = several.encode(RAW[modality])
    lengths = torch.stack([part.norm(dim=1) for part in found.split(widths, 1)])
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-5, rtol=0)
    wanted = normalize(last.encode(RAW[modality]), dim=1)
    torch.testing.assert_close(found[:, : widths[0]], wanted, atol=1e-5, rtol=0)
    assert several.fingerprint() != last.fingerprint()


@pytest.mark.parametrize(
    ("modality", "widths"),
    [("image", (1280, 32, 48, 80, 224, 640)), ("text", (384, 384, 384))],
)
def test_parts_of_the_packaged_encoders(modality, widths):
    check_parts(modality, DEFAULTS[modality], widths)


@pytest.mark.parametrize(
    ("name", "widths"),
    [
        ("test_resnet", (96, 64, 64, 96, 384, 192)),
        ("test_vit", (64, 128, 128, 128, 128, 128)),  # five of its six blocks
        ("test_convnext", (64, 48, 64, 96, 128)),
    ],
)
def test_parts_of_timms_models(name, widths):
    check_parts("image", timm_config(name), widths)


@pytest.mark.parametrize(
    ("modality", "name", "widths"),
    [("text", "bert", (32,) * 3), ("image", "vit", (32,) * 3), ("text", "clip", (24, 32, 32))],
)
def test_parts_of_a_folders_model(folders, modality, name, widths):
    check_parts(modality, EncoderConfig(name=f"transformers/{folders[name]}"), widths)


def test_a_stage_is_told_by_mean_and_deviation_over_its_places():
    encoder = build_image_encoder(timm_config("test_resnet"))
    assert isinstance(encoder.backbone, SeveralStages)
    pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        maps = encoder.backbone.model.forward_intermediates(pixels, intermediates_only=True)
        styles = [torch.cat([m.mean((2, 3)), m.std((2, 3), correction=0)], 1) for m in maps]
        found = encoder.backbone(pixels)
    torch.testing.assert_close(found[:, 96:], side_by_side(styles), atol=1e-5, rtol=0)


def test_a_text_is_told_by_its_words_and_the_middle_of_the_model(folders):
    encoder = build_text_encoder(
        EncoderConfig(name=f"transformers/{folders['bert']}", levels="several")
    )
    for text in RAW["text"]:  # alone, so that nothing is padded
        with torch.inference_mode():
            output = encoder.backbone.model(**encoder.preprocess([text]), output_hidden_states=True)  # type: ignore[operator]
        wanted = [output.hidden_states[layer].mean(1) for layer in (3, 0, 1)]  # of three layers
        batch = encoder.encode(RAW["text"])[RAW["text"].index(text)]
        torch.testing.assert_close(batch, side_by_side(wanted)[0], atol=1e-5, rtol=0)


def test_auto_is_several_for_the_packaged_encoders_alone(folders):
    for modality, config in DEFAULTS.items():
        asked = config.model_copy(update={"levels": "several"})
        auto, named = build_encoder(modality, config), build_encoder(modality, asked)
        assert auto.fingerprint() == named.fingerprint() and len(auto.parts) > 1
    clip = EncoderConfig(name=f"transformers/{folders['clip']}")
    assert build_image_encoder(clip).parts == build_text_encoder(clip).parts == (24,)
    assert build_image_encoder(timm_config("test_vit", "auto")).parts == (64,)


def test_the_fused_copy_gives_the_same_features():
    encoder = build_image_encoder(IMAGE_DEFAULT)
    pixels = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    copy = fused(encoder.backbone, 96)
    assert not any(type(module).__name__ == "BatchNormAct2d" for module in copy.modules())
    with torch.inference_mode():
        torch.testing.assert_close(copy(pixels), encoder.backbone(pixels), atol=1e-5, rtol=0)


@pytest.mark.parametrize("tuning", ["frozen", "last_blocks", "lora"])
def test_saved_levels_come_back(tuning, folders, tmp_path):
    name = f"transformers/{folders['bert']}"
    changes = {"levels": "several", "tuning": tuning, "lora_rank": 2}
    for number, (modality, config) in enumerate(
        [
            ("image", timm_config("test_resnet", image_size=64)),
            ("text", EncoderConfig(name=name)),
            ("image", EncoderConfig(name=f"transformers/{folders['clip']}")),
        ]
    ):
        encoder = build_encoder(modality, config.model_copy(update=changes))
        encoder.save(tmp_path / str(number))
        loaded = load_encoder(tmp_path / str(number))
        assert loaded.parts == encoder.parts
        assert torch.equal(loaded.encode(RAW[modality]), encoder.encode(RAW[modality]))


def test_what_was_saved_before_levels_gives_the_last_one(tmp_path):
    encoder = build_text_encoder(TEXT_DEFAULT.model_copy(update={"levels": "last"}))
    encoder.save(tmp_path)
    record = json.loads((tmp_path / "encoder.json").read_text())
    del record["config"]["levels"]
    (tmp_path / "encoder.json").write_text(json.dumps(record))
    assert load_encoder(tmp_path).parts == (384,)


@pytest.mark.parametrize("name", ["packaged/efficientnet-lite0", "timm/test_vit"])
def test_the_same_weights_learn_as_with_the_last_level(name):
    for tuning in ("last_blocks", "full", "lora"):
        learns = []
        for levels in ("last", "several"):
            config = EncoderConfig(name=name, pretrained=False, tuning=tuning, levels=levels)  # type: ignore[arg-type]
            backbone = build_image_encoder(config).backbone
            learns.append(
                {
                    n.removeprefix("model.")
                    for n, p in backbone.named_parameters()
                    if p.requires_grad
                }
            )
        assert learns[0] == learns[1] != set()


def test_gradients_are_finite_even_where_a_channel_is_dead():
    encoder = build_image_encoder(timm_config("test_resnet", tuning="full")).train()
    blocks = blocks_of(encoder.backbone)
    assert len(blocks) == 4
    for parameter in blocks[0].parameters():
        torch.nn.init.zeros_(parameter)
    features = encoder(encoder.preprocess(RAW["image"]))
    (features * torch.randn_like(features)).sum().backward()
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
    assert gradients and all(bool(g.isfinite().all()) for g in gradients)


def test_models_without_such_levels_are_refused(tmp_path):
    with pytest.raises(BadConfig, match="levels is several") as caught:
        build_image_encoder(
            EncoderConfig(name="torchvision/resnet18", pretrained=False, levels="several")
        )
    assert "levels=last" in caught.value.hint
    from transformers import ResNetConfig, ResNetModel

    ResNetModel(
        ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic")
    ).save_pretrained(tmp_path)
    with pytest.raises(BadConfig, match="levels is several"):
        build_image_encoder(EncoderConfig(name=f"transformers/{tmp_path}", levels="several"))
