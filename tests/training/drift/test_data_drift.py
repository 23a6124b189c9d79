import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.drift.network import PEOPLE, SUBJECTS, changed, posts, reactions, snapshot
from training.drift.config import DriftConfig
from training.drift.report import compare_snapshots
from training.drift.shift import Level

CONFIG = DriftConfig()
ROWS = posts(1)
LIKED = reactions(ROWS, 1)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_two_random_halves_of_the_people_do_not_drift(seed):
    first = set(np.random.default_rng(seed).permutation(PEOPLE)[: PEOPLE // 2].tolist())
    halves = [
        [row for row in ROWS if (int(row["user_id"][1:]) in first) == side]
        for side in (True, False)
    ]
    report = compare_snapshots(
        *(snapshot(half, digest=str(at)) for at, half in enumerate(halves)), CONFIG
    )
    assert report.level is Level.NONE, report.verdict()
    assert report.verdict().startswith("No drift")


PLANTED = {
    "text length": lambda row, random: {"text": row["text"] + " " + row["text"]},
    "category": lambda row, random: {"category": "cars"} if random.random() < 0.2 else {},
    "tags": lambda row, random: {"tags": ["cars"]} if random.random() < 0.2 else {},
    "words": lambda row, random: {"text": row["text"].replace("birds", "planes")},
    "language": lambda row, random: {"language": "fr"} if random.random() < 0.2 else {},
    "content": lambda row, random: {"image_hash": None} if random.random() < 0.6 else {},
    "visibility": lambda row, random: {"private": random.random() < 0.4},
}


@pytest.mark.parametrize("name", PLANTED)
def test_planted_drift_is_found_and_named(name):
    before = snapshot(ROWS, LIKED, "old")
    after = snapshot(changed(posts(2), PLANTED[name]), LIKED, "new")
    report = compare_snapshots(before, after, CONFIG)
    assert report.drifted[0].name == name, report.verdict()
    assert report.level is not Level.NONE
    assert name in report.verdict()


def test_what_moved_most_is_said():
    after = snapshot(changed(posts(2), PLANTED["category"]), digest="new")
    (shift,) = [
        each
        for each in compare_snapshots(snapshot(ROWS, digest="old"), after, CONFIG).data
        if each.name == "category"
    ]
    assert shift.said.startswith("cars 0.0% → ")
    assert shift.figures["never seen before"] == pytest.approx(0.2, abs=0.03)
    assert sum(shift.before) == pytest.approx(1) and sum(shift.after) == pytest.approx(1)


def test_more_posts_a_person_are_found():
    doubled = ROWS + [row | {"post_id": f"again-{row['post_id']}"} for row in ROWS]
    report = compare_snapshots(
        snapshot(ROWS, digest="old"), snapshot(doubled, digest="new"), CONFIG
    )
    assert [each.name for each in report.drifted] == ["posts a person"]
    assert report.counts["posts"] == (len(ROWS), 2 * len(ROWS))


def test_other_reactions_are_found():
    before = snapshot(ROWS, LIKED, "old")
    after = snapshot(ROWS, reactions(ROWS, 2, like=0.3), "new")
    report = compare_snapshots(before, after, CONFIG)
    assert [each.name for each in report.drifted] == ["kind of reaction"]
    assert "hide" in report.verdict()


def test_a_column_that_is_new_or_gone_is_large_drift():
    bare = snapshot(changed(ROWS, lambda row, random: {"language": None}), digest="old")
    full = snapshot(ROWS, LIKED, "new")
    found = {each.name: each for each in compare_snapshots(bare, full, CONFIG).drifted}
    assert found["language"].level is Level.LARGE
    assert "first time" in found["language"].said
    assert "kind of reaction" in found
    gone = {each.name: each for each in compare_snapshots(full, bare, CONFIG).drifted}
    assert "no longer" in gone["language"].said


def test_what_arrives_is_told_before_the_whole_has_moved():
    few = changed(
        posts(3, people=10, start=PEOPLE),
        lambda row, random: {"category": "cars"} if random.random() < 0.5 else {},
    )
    report = compare_snapshots(
        snapshot(ROWS, digest="old"), snapshot([*ROWS, *few], digest="new"), CONFIG
    )
    assert report.level is Level.NONE, report.verdict()
    assert "category" in [each.name for each in report.arrivals if each.level is Level.LARGE]
    assert f"{len(few)} new posts by themselves differ" in report.verdict()


def test_the_same_data_has_no_drift():
    report = compare_snapshots(snapshot(ROWS), snapshot(ROWS), CONFIG)
    assert report.level is Level.NONE
    assert report.verdict() == "No drift: it is the same data."
    assert all(shift.effect == pytest.approx(0, abs=1e-7) for shift in report.data)
    assert {"category", "words", "text length"} <= {shift.name for shift in report.data}
    assert set(SUBJECTS) < set(next(s for s in report.data if s.name == "tags").bins)
