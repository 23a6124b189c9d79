import numpy as np
import pytest

from training.reactions.baselines import ease_weights
from training.reactions.closed_form import closed_form
from training.reactions.opinions import opinions
from training.reactions.spectrum import WINDOW, spectrum


@pytest.fixture
def likes(events, config):
    return opinions(events, config).likes()


def test_it_is_ease_off_the_diagonal_with_all_eigenpairs(likes):
    for regularisation in (60.0, 300.0):  # below, the bound of the denominator may bite
        maps = closed_form(spectrum(likes, likes.posts, 0.0, 10, seed=0), regularisation)
        scores = maps.source @ maps.target.T
        np.fill_diagonal(scores, 0)
        np.testing.assert_allclose(scores, ease_weights(likes.matrix(), regularisation), atol=1e-5)


def test_the_operator_is_the_matrix_that_it_stands_for(likes):
    matrix = likes.matrix().toarray()
    near = np.diag((matrix**2).sum(axis=0))
    for person in range(likes.people):
        own = likes[likes.person == person]
        for i in range(len(own)):
            for j in range(i + 1, min(len(own), i + WINDOW * 3)):
                weight = own.weight[i] * own.weight[j] * np.exp(-(j - i) / 3)
                near[own.post[i], own.post[j]] += weight
                near[own.post[j], own.post[i]] += weight
    whole = 0.4 * matrix.T @ matrix + 0.6 * near
    pairs = spectrum(likes, likes.posts, 0.6, 3, seed=0)
    np.testing.assert_allclose(pairs.values.sum(), np.linalg.eigvalsh(whole).clip(0).sum(), 1e-4)
    kept = pairs.values[0] * np.outer(pairs.vectors[:, 0], pairs.vectors[:, 0])
    np.testing.assert_allclose(whole @ pairs.vectors[:, 0], kept @ pairs.vectors[:, 0], atol=1e-2)


def test_few_eigenpairs_by_random_projection_are_those_of_the_whole(likes, monkeypatch):
    exact = spectrum(likes, 4, 0.6, 10, seed=0)
    monkeypatch.setattr("training.reactions.spectrum.OVERSAMPLING", 16)
    drawn = spectrum(likes, 4, 0.6, 10, seed=0)  # 72 liked posts are more than 2 x (4 + 16)
    np.testing.assert_allclose(drawn.values, exact.values, rtol=0.02)
    overlap = np.abs(np.sum(drawn.vectors * exact.vectors, axis=0))
    assert overlap[0] > 0.999


def test_posts_that_nobody_likes_get_no_vector(likes):
    assert not spectrum(likes, 8, 0.6, 10, seed=0).vectors[likes.count() == 0].any()
