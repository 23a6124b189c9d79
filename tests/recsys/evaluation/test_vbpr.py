import numpy as np
import pytest

from recsys.evaluation.contender import positives_of
from recsys.evaluation.metrics.accuracy import accuracy
from recsys.evaluation.split import last_of_each
from recsys.evaluation.vbpr import vbpr
from tests.recsys.evaluation.planted import CONFIG, planted

SPLIT = last_of_each(planted(), CONFIG)


def test_without_the_package_it_is_left_out_with_a_reason(monkeypatch):
    monkeypatch.setattr("recsys.evaluation.vbpr.find_spec", lambda name: None)
    assert "cornac isn't installed" in (vbpr().skip(SPLIT.training) or "")


def test_it_learns_from_likes_and_content(monkeypatch):
    pytest.importorskip("cornac")
    monkeypatch.setattr("recsys.evaluation.vbpr.GRID", ({"epochs": 12, "penalty": 0.001},))
    contender = vbpr()
    assert contender.skip(SPLIT.training) is None
    fitted = contender.fit(SPLIT.training)
    allowed = SPLIT.training.allowed(SPLIT.people)
    lists = fitted.recommend(SPLIT.people, 20, allowed)
    assert all(allowed[row, found].all() for row, found in enumerate(lists))
    wanted = positives_of(SPLIT.people, SPLIT.test.person, SPLIT.test.post)
    figures = accuracy(lists, wanted)
    assert figures["recall@20"].mean() > 20 / 72
    again = contender.fit(SPLIT.training).recommend(SPLIT.people, 20, allowed)
    assert all(np.array_equal(one, other) for one, other in zip(lists, again, strict=True))
