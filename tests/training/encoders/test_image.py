import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.training.encoders.tiny import picture
from training.data.config import ImageLimits
from training.encoders import EncoderConfig, build_image_encoder
from training.encoders.image import ImagePreprocessing
from training.errors import BadConfig, BadData

TINY = EncoderConfig(name="timm/test_resnet", pretrained=False)


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    crop=st.floats(0.5, 1),
)
@settings(max_examples=60, deadline=None)
def test_any_shape_becomes_the_square_and_one_colour_stays_it(width, height, fit, crop):
    image = Image.new("RGB", (width, height), (255, 255, 255))
    square = ImagePreprocessing(size=32, fit=fit, crop=crop).square(image)
    assert square.size == (32, 32)
    assert np.asarray(square).min() == 255


def test_crop_is_what_torchvision_does():
    from torchvision.transforms import v2

    image = Image.effect_noise((90, 60), 80).convert("RGB").resize((181, 120))
    reference = v2.Compose([v2.Resize(40, interpolation=3), v2.CenterCrop(32)])(image)
    found = ImagePreprocessing(size=32, fit="crop", crop=0.8).square(image)
    difference = np.asarray(found).astype(int) - np.asarray(reference)
    assert np.abs(difference).max() <= 2  # one pass, so one rounding less


def test_pad_keeps_the_proportions():
    square = ImagePreprocessing(size=40, fit="pad").square(Image.new("RGB", (80, 20)))
    dark = np.asarray(square)[..., 0] < 128
    assert dark.any(0).sum() == 40 and dark.any(1).sum() == 10
    assert dark[15:25].all()


def test_pixels_are_bytes_in_channels_last_memory():
    pixels = build_image_encoder(TINY).preprocess([picture(1), picture(2)])["pixels"]
    assert pixels.shape == (2, 3, 160, 160) and pixels.dtype == torch.uint8
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_forward_has_gradients_and_equals_encode():
    encoder = build_image_encoder(TINY.model_copy(update={"tuning": "full"}))
    features = encoder(encoder.preprocess([picture(1), picture(2)]))
    assert features.requires_grad and features.shape == (2, encoder.dimension)
    encoded = encoder.encode([picture(1), picture(2)])
    assert not encoded.requires_grad
    torch.testing.assert_close(features.detach(), encoded, atol=1e-4, rtol=1e-4)


def test_reading_ahead_in_threads_keeps_the_order():
    encoder = build_image_encoder(TINY.model_copy(update={"batch_size": 2}))
    pictures = [picture(seed) for seed in range(9)]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        ahead = encoder.encode(pictures)
        torch.set_num_threads(1)
        plain = encoder.encode(pictures)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(ahead, plain, atol=1e-5, rtol=1e-5)


def test_encode_follows_the_weights_and_leaves_the_mode_alone():
    encoder = build_image_encoder(TINY.model_copy(update={"tuning": "full"})).train()
    before = encoder.encode([picture(1)])
    assert encoder.training
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(0.05)
    assert not torch.allclose(before, encoder.encode([picture(1)]))


def test_half_precision_is_near_and_comes_as_float32():
    whole = build_image_encoder(TINY).encode([picture(1)])
    half = build_image_encoder(TINY.model_copy(update={"precision": "bfloat16"}))
    encoded = half.encode([picture(1)])
    assert encoded.dtype == torch.float32
    assert float(torch.cosine_similarity(whole, encoded)) > 0.99


def test_limits_on_pictures_hold():
    encoder = build_image_encoder(TINY)
    encoder.limits = ImageLimits(max_megapixels=0.001)
    with pytest.raises(BadData, match="megapixels"):
        encoder.encode([picture(1, (42, 28))])


def test_an_impossible_size_is_a_mistake_of_the_configuration():
    config = EncoderConfig(name="timm/test_vit", pretrained=False, image_size=100)
    with pytest.raises(BadConfig, match="100"):
        build_image_encoder(config)
