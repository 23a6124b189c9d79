from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.encoders.tiny import picture
from training.encoders import (
    EncoderConfig,
    build_image_encoder,
    build_text_encoder,
    load_encoder,
)
from training.errors import BadConfig

TEXT = EncoderConfig(name="hashed/256")
IMAGE = EncoderConfig(name="histogram/32")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_any_text_has_a_vector_of_length_one_or_is_empty(texts: list[str]) -> None:
    vectors = build_text_encoder(TEXT).encode(texts)
    lengths = vectors.norm(dim=1)
    for text, length in zip(texts, lengths.tolist(), strict=True):
        assert length == pytest.approx(1.0, abs=1e-5) or not text.strip()
    alone = torch.cat([build_text_encoder(TEXT).encode([text]) for text in texts])
    torch.testing.assert_close(vectors, alone)  # whatever else is in the batch


def test_likeness_is_shared_words() -> None:
    encoder = build_text_encoder(TEXT)
    one, near, far = encoder.encode(
        ["two red apples on a tree", "red apples on a table", "steam engines of the railway"]
    )
    assert one @ near > 0.4 > 0.2 > abs(float(one @ far))


def test_dot_products_are_those_of_the_word_counts_up_to_noise() -> None:
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefghijklmnop"), 12)) for _ in range(60)]
    wide, narrow = (
        build_text_encoder(EncoderConfig(name=name)).encode(texts)
        for name in ("hashed/4096", "hashed/256")
    )
    error = (narrow @ narrow.T - wide @ wide.T).abs().mean()
    assert error < 0.06


def test_pictures_differ_by_colour_and_by_edges() -> None:
    encoder = build_image_encoder(IMAGE)
    vectors = encoder.encode([picture(0), picture(0, (84, 56)), picture(5)])
    assert vectors.shape == (3, 240)
    likeness = torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:])
    assert likeness[0] > 0.9 > likeness[1]


@pytest.mark.parametrize("build", [build_text_encoder, build_image_encoder])
def test_a_saved_one_is_the_same(build, tmp_path: Path) -> None:
    encoder = build(TEXT if build is build_text_encoder else IMAGE)
    encoder.save(tmp_path)
    assert load_encoder(tmp_path).fingerprint() == encoder.fingerprint()
    assert not list(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("name", "fault"),
    [("hashed/7", "from 16"), ("hashed/big", "from 16"), ("histogram/9", "from 16")],
)
def test_a_width_that_cannot_be_is_refused(name: str, fault: str) -> None:
    build = build_text_encoder if name.startswith("hashed") else build_image_encoder
    with pytest.raises(BadConfig, match=fault):
        build(EncoderConfig(name=name))


def test_what_has_no_weights_cannot_learn() -> None:
    with pytest.raises(BadConfig, match="no weights"):
        build_text_encoder(EncoderConfig(name="hashed/256", tuning="full"))
    with pytest.raises(BadConfig, match="one level"):
        build_text_encoder(EncoderConfig(name="hashed/256", levels="several"))
    fingerprints = {
        build_text_encoder(EncoderConfig(name=name)).fingerprint()
        for name in ("hashed/64", "hashed/256")
    }
    assert len(fingerprints) == 2
