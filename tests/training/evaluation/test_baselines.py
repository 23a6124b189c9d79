"""Baselines against a slow loop over people."""

import numpy as np
import pytest
import torch

from training.errors import BadConfig
from training.evaluation.baselines import (
    AuthoredPosts,
    baselines,
    evaluate_baselines,
    mean_by_author,
    unit_rows,
)
from training.modalities import PostFeatures

PEOPLE = 7


def posts(count: int, seed: int) -> AuthoredPosts:
    """Posts with missing modalities, whose values are NaN as nobody may read them."""
    random = np.random.default_rng(seed)
    image, text = random.random((count, 6)), random.standard_normal((count, 5))
    has_image, has_text = random.random(count) < 0.7, random.random(count) < 0.7
    has_text |= ~has_image
    image[~has_image], text[~has_text] = np.nan, np.nan
    features = PostFeatures(
        torch.tensor(image, dtype=torch.float32),
        torch.tensor(has_image),
        torch.tensor(text, dtype=torch.float32),
        torch.tensor(has_text),
    )
    return AuthoredPosts(features, random.integers(-1, PEOPLE - 1, size=count), np.arange(count))


def slow_mean(rows, present, author, person):
    """Unit mean of unit rows, None without a row."""
    own = [
        rows[i] / np.linalg.norm(rows[i])
        for i in range(len(rows))
        if present[i] and author[i] == person
    ]
    if not own:
        return None
    mean = np.mean(own, axis=0)
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize("name", ["unimodal_image", "unimodal_text"])
def test_unimodal_equals_a_slow_loop(name):
    training, evaluation = posts(40, 0), posts(25, 1)
    modality = name.removeprefix("unimodal_")
    train = getattr(training.features, modality).numpy()
    test = getattr(evaluation.features, modality).numpy()
    has_train = getattr(training.features, f"has_{modality}").numpy()
    has_test = getattr(evaluation.features, f"has_{modality}").numpy()

    made = baselines[name](training, evaluation, PEOPLE)
    for person in range(PEOPLE):
        expected = slow_mean(train, has_train, training.author, person)
        assert made.has_user is not None
        assert made.has_user[person] == (expected is not None)
        if expected is not None:
            assert made.users[person] == pytest.approx(expected, abs=1e-6)
    vectors = made.images if modality == "image" else made.texts
    assert vectors is not None
    assert made.posts is vectors
    for row in np.flatnonzero(has_test):
        assert vectors[row] == pytest.approx(test[row] / np.linalg.norm(test[row]), abs=1e-6)
    assert np.isfinite(vectors).all()
    assert np.array_equal(made.has_post, has_test)


def test_directions_of_each_baseline():
    results = evaluate_baselines(
        posts(40, 0), posts(25, 1), PEOPLE, ["unimodal_image", "unimodal_text", "concatenation"]
    )
    of_posts = {"user_to_post", "post_to_user"}
    assert {name: set(each) for name, each in results.items()} == {
        "unimodal_image": {"user_to_image", "image_to_user", *of_posts},
        "unimodal_text": {"user_to_text", "text_to_user", *of_posts},
        "concatenation": of_posts,
    }


def test_concatenation_scores_a_post_by_what_it_has():
    training, evaluation = posts(40, 0), posts(25, 1)
    both = baselines["concatenation"](training, evaluation, PEOPLE)
    image = baselines["unimodal_image"](training, evaluation, PEOPLE)
    text = baselines["unimodal_text"](training, evaluation, PEOPLE)
    assert both.posts is not None
    assert image.images is not None
    assert text.texts is not None
    assert both.posts.shape == (25, 11)
    assert image.has_user is not None
    assert text.has_user is not None
    for person in np.flatnonzero(image.has_user & text.has_user):
        for post in range(25):
            cosines = [
                each.users[person] @ vectors[post]
                for each, vectors in ((image, image.images), (text, text.texts))
            ]
            has = [both.has_image[post], both.has_text[post]]
            expected = sum(np.compress(has, cosines)) / np.sqrt(2 * sum(has))
            assert both.users[person] @ both.posts[post] == pytest.approx(expected, abs=1e-5)


def test_people_without_posts_have_no_mean():
    vectors = unit_rows(np.array([[3.0, 4.0], [0.0, 2.0]]))
    means, present = mean_by_author(vectors, np.array([True, False]), np.array([1, 0]), people=3)
    assert present.tolist() == [False, True, False]
    assert means.tolist() == [[0, 0], [pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]


def test_an_unknown_baseline_is_named():
    with pytest.raises(BadConfig, match="unimodal_txt"):
        evaluate_baselines(posts(5, 0), posts(5, 1), PEOPLE, ["unimodal_txt"])
