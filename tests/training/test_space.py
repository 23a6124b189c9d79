"""The whole model with its real encoders: raw content in, unit vectors out, and back from disk."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from training.encoders import build_image_encoder, build_text_encoder
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import BadData, NotFound
from training.model import JointSpace, ModelConfig
from training.space import RawPost, Space


@pytest.fixture(scope="module")
def space() -> Space:
    torch.manual_seed(0)
    image, text = build_image_encoder(IMAGE_DEFAULT), build_text_encoder(TEXT_DEFAULT)
    joint = JointSpace(
        ModelConfig(dimension=48, hidden=32),
        users=2,
        image_features=image.dimension,
        text_features=text.dimension,
    )
    fit_somehow(joint)
    return Space(joint, image, text, ["ann", "bob"])


def fit_somehow(joint: JointSpace) -> None:
    """What a training fits beside the weights; any values but those that a new space has."""
    assert joint.meaning is not None
    assert joint.audience is not None
    with torch.no_grad():
        joint.meaning.scale.copy_(torch.linspace(2, 1, len(joint.meaning.scale)))
    joint.fit_audience(torch.randn(2, joint.audience.prototypes.shape[1]))


@pytest.fixture(scope="module")
def pictures(clean_sample) -> list[bytes]:
    return [image for image in clean_sample.images([0, 1, 2]) if image is not None]


def test_raw_content_and_features_agree(space, pictures):
    texts = ["a red bird", "two dogs"]
    posts = [RawPost(text=texts[0], image=pictures[0]), RawPost(text=texts[1])]
    np.testing.assert_allclose(
        space.encode_text(texts), space.embed_texts(space.text_encoder.encode(texts)), atol=1e-6
    )
    vectors = space.encode_post(posts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(vectors[1], space.encode_text(texts[1:])[0], atol=1e-5)


def test_a_person_is_who_they_are_and_what_they_posted(space, pictures):
    post = RawPost(image=pictures[0], text="a bird")
    stranger, ann, ann_alone = space.encode_user([[post], [post], []], [None, "ann", "ann"])
    assert stranger @ ann < 0.999
    assert ann @ ann_alone < 0.999
    with pytest.raises(NotFound, match="carl"):
        space.encode_user([[post], []], [None, "carl"])


def test_bad_content_is_named(space):
    with pytest.raises(BadData, match="post 1"):
        space.encode_post([RawPost(text="x"), RawPost()])
    with pytest.raises(BadData):
        space.encode_image([b"no picture"])


def test_disk_changes_nothing_and_holds_no_pickle(space, pictures, tmp_path):
    space.query_weights["text_to_image"] = (0.1, 0.2, 1.0, 0.8, 0.2, 0.0)
    space.save(tmp_path)
    again = Space.load(tmp_path)
    assert again.users == space.users
    assert again.query_weights == space.query_weights
    assert again.dimension == space.dimension == 48 + 256 + 2 + 2
    for name, tensor in space.joint.state_dict().items():
        torch.testing.assert_close(again.joint.state_dict()[name], tensor, rtol=0, atol=0, msg=name)
    texts = ["a red bird"]
    np.testing.assert_array_equal(again.encode_text(texts), space.encode_text(texts))
    np.testing.assert_array_equal(again.encode_image(pictures), space.encode_image(pictures))
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes <= {".safetensors", ".json", ".txt"}


def test_a_query_asks_with_its_own_weights(space):
    vectors = space.encode_text(["a red bird"])
    for_images = space.as_query(vectors, "text", "image")
    for_users = space.as_query(vectors, "text", "user")
    assert for_images.shape == vectors.shape
    assert float(for_images[0] @ for_users[0]) < 0.999


@pytest.mark.parametrize("damage", ["missing", "torn", "future", "other weights"])
def test_a_broken_folder_is_named(space, tmp_path, damage):
    space.save(tmp_path)
    path = tmp_path / "space.json"
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        path.write_text(path.read_text()[:20])
    elif damage == "other weights":
        weights = load_file(tmp_path / "model.safetensors")
        del weights["audience.sizes"]
        save_file(weights, tmp_path / "model.safetensors")
    else:
        path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(BadData, match=str(tmp_path)):
        Space.load(tmp_path)
