from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from training.communities.npmi import topic_coherence

POSTS = arrays(np.bool_, (14, 6), elements=st.booleans())
TOPICS = st.lists(st.lists(st.integers(0, 5), unique=True, max_size=4), max_size=4)


def slow(topics, posts: np.ndarray) -> float:
    def pair(a: int, b: int) -> float:
        both = np.mean(posts[:, a] & posts[:, b])
        if both == 0:
            return -1.0
        if both == 1:
            return 1.0
        return log(both / (posts[:, a].mean() * posts[:, b].mean())) / -log(both)

    means = [np.mean([pair(a, b) for a, b in combinations(t, 2)]) for t in topics if len(t) > 1]
    return float(np.mean(means)) if means else float("nan")


@settings(deadline=None)
@given(TOPICS, POSTS)
def test_against_the_definition(topics: list[list[int]], posts: np.ndarray) -> None:
    found = topic_coherence(topics, sparse.csr_matrix(posts.astype(np.float32)))
    assert found == pytest.approx(slow(topics, posts), nan_ok=True)
    assert not found < -1 - 1e-9 and not found > 1 + 1e-9


def test_the_ends_of_the_scale() -> None:
    posts = np.zeros((6, 4), np.float32)
    posts[:3, :2] = 1
    posts[3:5, 2] = 1
    holds = sparse.csr_matrix(posts)
    assert topic_coherence([[0, 1]], holds) == pytest.approx(1)  # always together
    assert topic_coherence([[0, 2]], holds) == -1  # never
    assert np.isnan(topic_coherence([[0], []], holds))
