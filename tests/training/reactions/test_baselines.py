import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from training.reactions.baselines import content_likeness, ease, ease_weights, item_knn
from training.reactions.opinions import opinions


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 30), st.floats(0.5, 500))
@settings(max_examples=60, deadline=None)
def test_ease_by_either_side_is_the_formula_of_the_paper(seed, people, posts, regularisation):
    random = np.random.default_rng(seed)
    likes = sparse.csr_matrix((random.random((people, posts)) < 0.3).astype(np.float32))
    histories = likes.multiply(random.random((people, posts))).tocsr().astype(np.float32)
    rows = random.integers(people, size=5)
    expected = histories[rows] @ ease_weights(likes, regularisation)
    np.testing.assert_allclose(ease(likes, regularisation)(histories)(rows), expected, atol=1e-5)


def test_ease_weights_solve_the_regression_of_each_post_on_the_others(events, config):
    likes = opinions(events, config).likes().matrix()
    dense, weights = likes.toarray(), ease_weights(likes, 20.0)
    for post in (0, 7, 30):
        others = np.delete(dense, post, axis=1)
        gram = others.T @ others + 20.0 * np.eye(others.shape[1])
        alone = np.linalg.solve(gram, others.T @ dense[:, post])
        np.testing.assert_allclose(np.delete(weights[:, post], post), alone, atol=1e-5)


def test_item_knn_is_cosine_with_all_neighbours(events, config):
    likes = opinions(events, config).likes().matrix()
    dense = likes.toarray()
    norm = np.maximum(np.linalg.norm(dense, axis=0), 1e-9)
    cosine = dense.T @ dense / np.outer(norm, norm)
    np.fill_diagonal(cosine, 0)
    people = np.arange(5)
    scores = item_knn(likes, neighbours=len(cosine), shrink=0)(people)
    np.testing.assert_allclose(scores, dense[people] @ cosine, atol=1e-5)


def test_content_alone_ranks_by_cosine_with_the_history():
    block = np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32)
    scores = content_likeness(sparse.csr_matrix([[2.0, 0, 0], [0, 0, 0]]), block)(np.arange(2))
    assert scores[0] == pytest.approx([1, 0, 0.6])
    assert not scores[1].any()
