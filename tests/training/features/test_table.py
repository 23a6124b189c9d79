import logging

import pytest
import torch

from tests.training.encoders import tiny
from training.encoders import build_image_encoder, build_text_encoder
from training.errors import BadData
from training.features import compute_features, encoding

IMAGES, TEXTS = 6, 6  # distinct contents of `posts`


@pytest.fixture
def features(image_config, text_config, tmp_path):
    def compute(data, image=image_config, text=text_config, **options):
        return compute_features(data, image, text, tmp_path / "cache", **options)

    return compute


def test_features_are_the_encoders_of_each_post(data, posts, features, image_config, text_config):
    table = features(data)
    assert table.post_ids.tolist() == data.posts(["post_id"])["post_id"].to_pylist()
    assert table.user_ids.tolist() == data.posts(["user_id"])["user_id"].to_pylist()
    assert (table.computed, table.reused) == (IMAGES + TEXTS, 0)
    image_encoder, text_encoder = build_image_encoder(image_config), build_text_encoder(text_config)
    assert table.posts.image.shape == (8, image_encoder.dimension)
    assert table.posts.image.dtype == table.posts.text.dtype == torch.float32
    by_id = {post["post_id"]: post for post in posts}
    for row, post_id in enumerate(table.post_ids):
        post = by_id[post_id]
        assert bool(table.posts.has_image[row]) == (post["image"] is not None)
        assert bool(table.posts.has_text[row]) == (post["text"] is not None)
        if post["image"] is not None:
            wanted = image_encoder.encode([post["image"]])[0]
            torch.testing.assert_close(table.posts.image[row], wanted, atol=1e-5, rtol=1e-4)
        if post["text"] is not None:
            wanted = text_encoder.encode([post["text"]])[0]
            torch.testing.assert_close(table.posts.text[row], wanted, atol=1e-5, rtol=1e-4)


def test_a_second_run_computes_nothing_and_a_new_post_only_itself(data, posts, prepared, features):
    first = features(data)
    second = features(data)
    assert (second.computed, second.reused) == (0, IMAGES + TEXTS)
    assert torch.equal(first.posts.image, second.posts.image)
    assert torch.equal(first.posts.text, second.posts.text)
    new = {"post_id": "new", "user_id": "u9", "text": "red sky", "image": posts[0]["image"]}
    more = features(prepared([new, *posts]))
    assert (more.computed, more.reused) == (1, IMAGES + TEXTS)  # its picture is known
    assert len(more.post_ids) == 9


def test_other_preprocessing_is_another_cache(data, features, image_config):
    features(data)
    padded = image_config.model_copy(update={"image_fit": "pad"})
    assert (features(data, padded).computed, features(data).computed) == (IMAGES, 0)


def test_a_spoiled_part_is_computed_anew(data, features, tmp_path, caplog):
    before = features(data)
    parts = sorted((tmp_path / "cache").glob("*/part-*"))
    parts[0].write_bytes(parts[0].read_bytes()[:-9])
    with caplog.at_level(logging.WARNING):
        after = features(data)
    assert "spoiled" in caplog.text
    assert after.computed == IMAGES  # or TEXTS: as many
    torch.testing.assert_close(after.posts.image, before.posts.image)
    torch.testing.assert_close(after.posts.text, before.posts.text)


def test_an_interrupted_run_keeps_what_was_done(data, features, monkeypatch):
    def interrupted(chunks, *rest):
        yield next(iter(encoded(chunks, *rest)))
        raise KeyboardInterrupt

    encoded = encoding.encoded
    monkeypatch.setattr("training.features.table.encoded", interrupted)
    with pytest.raises(KeyboardInterrupt):
        features(data)
    monkeypatch.undo()
    assert features(data).computed == TEXTS


def test_progress_is_told(data, features):
    seen = []
    features(data, progress=lambda *what: seen.append(what))
    assert seen == [("images", IMAGES, IMAGES), ("texts", TEXTS, TEXTS)]
    features(data, progress=lambda *what: seen.append(what))
    assert len(seen) == 2


def test_before_training_the_way_of_tuning_does_not_matter(data, features, image_config):
    features(data)
    tuned = image_config.model_copy(update={"tuning": "full"})
    assert features(data, tuned).computed == 0


def test_a_trained_encoder_is_named_by_its_folder(data, features, image_config, tmp_path):
    encoder = build_image_encoder(image_config.model_copy(update={"tuning": "full"}))
    with torch.no_grad():
        next(encoder.parameters()).mul_(1.5)
    encoder.save(tmp_path / "trained")
    before, after = features(data), features(data, image=tmp_path / "trained")
    assert (after.computed, after.reused) == (IMAGES, TEXTS)
    assert not torch.allclose(before.posts.image, after.posts.image)
    assert features(data, image=tmp_path / "trained").computed == 0


def test_a_modality_can_be_left_out(data, features):
    table = features(data, image=None)
    assert table.posts.image.shape == (8, 0) and table.posts.has_image.sum() == 7
    assert table.computed == TEXTS


def test_a_picture_that_went_bad_is_an_error_of_the_data(data, features, monkeypatch):
    monkeypatch.setattr(type(data), "images", lambda self, rows: [b"bad"] * len(rows))
    with pytest.raises(BadData):
        features(data)


def test_posts_of_one_modality_alone(prepared, features):
    data = prepared([{"post_id": f"p{i}", "user_id": "u", "text": f"cat {i}"} for i in range(3)])
    table = features(data)
    assert table.posts.image.shape[0] == 3 and not table.posts.has_image.any()
    assert table.posts.has_text.all()
    pictures = [{"post_id": f"p{i}", "user_id": "u", "image": tiny.picture(i)} for i in range(3)]
    table = features(prepared(pictures))
    assert table.posts.has_image.all() and not table.posts.has_text.any()
