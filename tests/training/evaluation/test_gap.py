"""The modality gap, on clouds whose gap is known."""

import numpy as np
import pytest

from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.gap import ModalityGap, modality_gap


def clouds(shift: float) -> EmbeddedPosts:
    """Images on one side of the sphere, texts shifted away; each text matches its image."""
    random = np.random.default_rng(0)
    base = random.standard_normal((300, 16))

    def placed(offset):
        moved = base + offset
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)

    everywhere = np.ones(300, dtype=bool)
    axis = np.eye(16)[0] * shift
    return EmbeddedPosts(
        placed(axis)[:10], placed(axis), everywhere, placed(-axis), everywhere, None,
        np.arange(300) % 10, np.arange(300),
    )  # fmt: skip


def test_the_gap_grows_with_the_distance_of_the_clouds():
    near, far = (modality_gap(clouds(shift), Direction.IMAGE_TO_TEXT) for shift in (0.0, 20.0))
    assert near is not None
    assert far is not None
    assert near.distance == pytest.approx(0, abs=1e-6)
    assert far.distance == pytest.approx(2, abs=0.1)
    # The matches are told apart in both: retrieval alone would not show the gap.
    assert near.separation > 0.99
    assert far.separation > 0.9
    assert near.positives == pytest.approx(1)


def test_positives_match_and_negatives_do_not():
    e = clouds(0.0)
    gap = modality_gap(e, Direction.USER_TO_IMAGE, limit=500)
    assert gap is not None
    assert e.images is not None
    scores = e.users @ e.images.T
    own = e.author[None, :] == np.arange(10)[:, None]
    for drawn, allowed in ((gap.positives, scores[own]), (gap.negatives, scores[~own])):
        assert 100 < len(drawn) <= 500
        assert np.abs(drawn[:, None] - allowed).min(axis=1).max() < 1e-6


def test_separation_is_the_area_under_the_curve():
    gap = ModalityGap(0.0, np.array([0.5, 0.2]), np.array([0.5, 0.1, 0.3, 0.1]))
    assert gap.separation == pytest.approx((3.5 + 2) / 8)
    assert np.isnan(ModalityGap(0.0, np.array([]), np.array([0.1])).separation)


def test_a_direction_that_cannot_be_done_has_no_gap():
    assert modality_gap(clouds(0.0), Direction.USER_TO_POST) is None
