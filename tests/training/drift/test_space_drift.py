import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from tests.training.drift.network import changed, places, posts, snapshot
from training.drift.config import DriftConfig
from training.drift.interests import find_interests
from training.drift.page import write_page
from training.drift.places import Places
from training.drift.report import DriftReport, Placed, compare_snapshots
from training.drift.shift import Level, Shift
from training.drift.space_drift import compare_places, frechet
from training.errors import BadConfig

CONFIG = DriftConfig(resamples=20)
PEOPLE = 200
ROWS = posts(1, PEOPLE)
THEN = places(ROWS)


def found(current: Places, reference: Places = THEN) -> dict[str, Shift]:
    shifts = compare_places(reference, current, find_interests(reference, 0), CONFIG)
    return {shift.name: shift for shift in shifts}


def drifted(shifts: dict[str, Shift]) -> set[str]:
    return {name for name, shift in shifts.items() if shift.level is not Level.NONE}


@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_two_random_halves_of_the_people_do_not_drift(seed):
    first = set(np.random.default_rng(seed).permutation(PEOPLE)[: PEOPLE // 2].tolist())
    one, other = (
        THEN.only(np.array([(int(name[1:]) in first) == side for name in THEN.authors]))
        for side in (True, False)
    )
    assert not drifted(found(other, one))


def test_the_same_posts_have_not_moved():
    shifts = found(THEN)
    assert not drifted(shifts)
    assert shifts["people"].effect == 0
    assert "new posts far from all others" not in shifts  # there is none


def test_a_new_subject_lies_far_from_all_that_was():
    extra = changed(
        posts(2, 30, PEOPLE), lambda row, random: {"category": "cars", "tags": ["cars"]}
    )
    shifts = found(places([*ROWS, *extra]))
    far = shifts["new posts far from all others"]
    assert far.level is Level.LARGE
    assert far.figures["share"] > 0.9
    assert far.chance < 0.1


def test_another_share_of_a_subject_is_named():
    after = [
        row for at, row in enumerate(posts(2, PEOPLE)) if row["category"] != "boats" or at % 5 == 0
    ]
    shifts = found(places(after))
    assert "interests" in drifted(shifts)
    assert "boats" in shifts["interests"].said


def test_a_space_that_moved_as_a_whole():
    shifts = found(places(ROWS, shift=0.5))
    assert {"centre of the posts", "shape of the posts", "people"} <= drifted(shifts)


def test_hubs_are_found():
    random = np.random.default_rng(0)
    spread = random.standard_normal((600, 48)).astype(np.float32)
    crowded = spread.copy()
    crowded[:200] = 0.2 * spread[:200]
    crowded[:, 0] += 0.5
    crowded /= np.linalg.norm(crowded, axis=1, keepdims=True)
    even = np.eye(48, dtype=np.float32)[np.arange(600) % 48] + 0.01 * spread
    even /= np.linalg.norm(even, axis=1, keepdims=True)
    ids = np.array([f"p{i}" for i in range(600)])
    labels = np.empty(600, dtype=object)
    labels[:] = [("a",)] * 600

    def of(vectors: np.ndarray) -> Places:
        return Places(vectors, ids, ids, labels, vectors[:0], ids[:0])

    hubs = found(of(crowded), of(even))["hubs"]
    assert hubs.figures["after"] > hubs.figures["before"]


@given(seed=st.integers(0, 1000), d=st.integers(1, 6))
def test_frechet_is_that_of_the_definition(seed, d):
    random = np.random.default_rng(seed)
    a, b = (random.standard_normal((50, d)) @ random.standard_normal((d, d)) for _ in range(2))
    b += random.standard_normal(d)
    s1, s2 = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (a, b))
    apart = a.mean(axis=0) - b.mean(axis=0)
    plain = apart @ apart + np.trace(s1 + s2 - 2 * np.real(sqrtm(s1 @ s2)))
    assert frechet(a, b) == pytest.approx(plain, rel=1e-4, abs=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_interests_are_named_by_what_sets_them_apart():
    interests = find_interests(THEN, 0)
    assert len(set(interests.names)) == len(interests.names)
    assert {"birds", "boats", "trees", "maps"} <= {n.partition(" ")[0] for n in interests.names}


@pytest.fixture(scope="module")
def report() -> tuple[DriftReport, Placed]:
    extra = changed(
        posts(2, 30, PEOPLE),
        lambda row, random: {"category": "<b>cars</b>", "tags": ["<script>alert(1)</script>"]},
    )
    placed = Placed(THEN, places([*ROWS, *extra]), find_interests(THEN, 0))
    before, after = snapshot(ROWS, digest="old"), snapshot([*ROWS, *extra], digest="new")
    return compare_snapshots(before, after, CONFIG, placed, "3"), placed


def test_the_page_holds_the_verdict_and_no_markup_of_strangers(report, tmp_path):
    path = write_page(report[0], tmp_path / "pages" / "drift.html", report[1])
    html = path.read_text()
    assert "<script" not in html and "<b>cars" not in html
    assert "http://" not in html and "https://" not in html
    assert "new posts far from all others" in html
    assert html.count("<img") == 3
    assert not any(f">{person}<" in html for person in THEN.user_ids)
    assert html.startswith("<!doctype html>")
    with pytest.raises(BadConfig):
        write_page(report[0], tmp_path)


def test_the_report_as_plain_data(report):
    plain = json.loads(json.dumps(report[0].to_json(), allow_nan=False))
    assert plain["level"] == str(report[0].level)
    assert plain["model_version"] == "3"
    assert plain["counts"]["posts"][1] > plain["counts"]["posts"][0]
    assert len(plain["space"]) == 6
