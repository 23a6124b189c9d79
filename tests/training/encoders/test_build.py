import subprocess
import sys

import pytest
import torch

from tests.training.encoders import tiny
from training.encoders import (
    EncoderConfig,
    build_image_encoder,
    build_text_encoder,
    image_encoders,
    text_encoders,
)
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.encoders.image import ImageEncoder, ImagePreprocessing
from training.errors import BadConfig, Unavailable


def test_configuration_needs_no_torch():
    code = (
        "import sys, training.encoders.config, training.encoders;"
        "assert not {'torch', 'ray', 'timm', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_registries_know_the_families():
    assert {"histogram", "packaged/efficientnet-lite0", "timm", "torchvision"} < set(image_encoders)
    assert set(text_encoders) == {"hashed", "packaged/all-minilm-l6-v2", "transformers"}


@pytest.mark.parametrize(
    "name", ["packaged/efficientnet-lite", "nothing/resnet50", "timm", "timm/"]
)
def test_an_unknown_name_is_refused(name):
    with pytest.raises(BadConfig):
        build_image_encoder(EncoderConfig(name=name))


def test_a_text_encoder_is_no_image_encoder():
    with pytest.raises(BadConfig, match="unknown image encoder"):
        build_image_encoder(TEXT_DEFAULT)
    with pytest.raises(BadConfig, match="unknown text encoder"):
        build_text_encoder(IMAGE_DEFAULT)


@pytest.mark.parametrize("name", ["timm/test_vitt", "torchvision/resnet19"])
def test_an_unknown_model_of_a_family_gives_near_names(name):
    with pytest.raises(BadConfig) as caught:
        build_image_encoder(EncoderConfig(name=name, pretrained=False))
    assert name.split("/")[1][:5] in caught.value.hint


def test_a_failed_download_says_what_to_use_instead(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for build, name in [
        (build_image_encoder, "timm/test_vit.r160_in1k"),
        (build_image_encoder, "transformers/nobody/no-such-vit"),
        (build_text_encoder, "transformers/nobody/no-such-bert"),
    ]:
        with pytest.raises(Unavailable, match="can't be loaded") as caught:
            build(EncoderConfig(name=name))
        assert "packaged/" in caught.value.hint


def test_a_failed_download_of_torchvision(monkeypatch, tmp_path):
    from urllib.error import URLError

    def fail(*_args, **_options):
        raise URLError("no route to host")

    monkeypatch.setattr("torch.hub.urlopen", fail)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    with pytest.raises(Unavailable, match="no route to host"):
        build_image_encoder(EncoderConfig(name="torchvision/squeezenet1_1"))


def test_weights_that_timm_has_not_are_refused():
    with pytest.raises(BadConfig):
        build_image_encoder(EncoderConfig(name="timm/test_vit.no_such_tag"))


def test_torchvision_without_a_classifier_to_drop():
    with pytest.raises(BadConfig, match="no linear classifier"):
        build_image_encoder(EncoderConfig(name="torchvision/squeezenet1_1", pretrained=False))


def test_torchvision_features_are_those_before_the_classifier():
    encoder = build_image_encoder(EncoderConfig(name="torchvision/resnet18", pretrained=False))
    assert encoder.dimension == 512
    assert encoder.preprocessing == ImagePreprocessing(
        size=224,
        fit="crop",
        crop=224 / 256,
        interpolation="bilinear",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    smaller = EncoderConfig(name="torchvision/resnet18", pretrained=False, image_size=64)
    features = build_image_encoder(smaller).encode([tiny.picture(1)])
    assert features.shape == (1, 512) and bool(features.isfinite().all())


def test_timm_preprocessing_is_timms():
    encoder = build_image_encoder(EncoderConfig(name="timm/test_vit", pretrained=False))
    assert encoder.preprocessing.size == 160
    assert encoder.encode([tiny.picture(1)]).shape == (1, encoder.dimension)


def test_timm_transformers_take_another_size():
    config = EncoderConfig(name="timm/test_vit", pretrained=False, image_size=64)
    encoder = build_image_encoder(config)
    assert encoder.preprocess([tiny.picture(1)])["pixels"].shape == (1, 3, 64, 64)
    assert encoder.encode([tiny.picture(1)]).shape == (1, encoder.dimension)


def test_an_encoder_of_ones_own_takes_one_function():
    @image_encoders.register("test/mean-colour")
    def mean_colour(config: EncoderConfig) -> ImageEncoder:
        class Mean(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.scale = torch.nn.Parameter(torch.ones(3))

            def forward(self, pixels):
                return pixels.mean((2, 3)) * self.scale

        return ImageEncoder(config, Mean(), 3, ImagePreprocessing(size=16).adapted(config))

    encoder = build_image_encoder(EncoderConfig(name="test/mean-colour", tuning="full"))
    assert encoder.encode([tiny.picture(1)]).shape == (1, 3)
    assert len(encoder.fingerprint()) == 32
