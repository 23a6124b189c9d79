import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.reactions.layout import largest_norm, person_norm, person_vectors, post_vectors, unit


@given(st.integers(0, 10_000), st.floats(0, 2), st.floats(0.01, 100))
def test_unit_vectors_keep_the_exact_order_of_raw_scores(seed, weight, size):
    random = np.random.default_rng(seed)
    target = size * random.standard_normal((40, 6)) * random.exponential(size=(40, 1))
    content, taste = unit(random.standard_normal((40, 3))), random.standard_normal((5, 6))
    recent = random.standard_normal((5, 3))
    lift = random.exponential(size=40) * (random.random(40) < 0.5)
    scale = largest_norm(target, content, weight, lift)
    posts = post_vectors(target, content, weight, lift, scale)
    people = person_vectors(taste, recent, weight)
    for rows in (posts, people):
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    raw = unit(taste) @ target.T + weight * unit(recent) @ content.T + lift
    np.testing.assert_allclose(
        people @ posts.T * scale * person_norm(weight), raw, atol=1e-5 * scale
    )


def test_a_post_that_outgrows_the_scale_still_has_norm_1():
    rows = post_vectors(np.full((1, 4), 9.0), np.zeros((1, 2)), 0.1, np.zeros(1), scale=1.0)
    assert np.isclose(np.linalg.norm(rows), 1)
