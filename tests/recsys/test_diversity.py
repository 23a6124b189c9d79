import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig
from recsys.diversity import diverse
from recsys.events.records import Post
from recsys.ranking import Part, Scored, in_order

CONFIG = DiversityConfig(per_author=2, near_duplicate=0.98, strength=0)
EAST, NORTH = np.array([1, 0], np.float32), np.array([0, 1], np.float32)


def scored(post_id, score, author="ann", vector=None, image=None) -> Scored:
    post = Post(post_id, author, image_hash=image)
    return Scored(post, (Part(ReasonKind.TASTE, score),), vector, ("taste",))


def ids(found) -> list[str]:
    return [one.post.post_id for one in found]


def test_few_posts_of_one_author_while_there_are_others():
    ranked = [scored(f"a{i}", 0.9 - i / 100) for i in range(4)] + [scored("b", 0.1, "bob")]
    assert ids(diverse(ranked, 3, CONFIG, fill=True)) == ["a0", "a1", "b"]
    assert ids(diverse(ranked, 5, CONFIG, fill=False)) == ["a0", "a1", "b"]
    assert ids(diverse(ranked, 5, CONFIG, fill=True)) == ["a0", "a1", "a2", "a3", "b"]
    assert ids(diverse(ranked, 4, CONFIG, fill=True)) == ["a0", "a1", "a2", "b"]


def test_of_near_duplicates_the_best_is_shown():
    ranked = [
        scored("best", 0.9, "ann", EAST),
        scored("same", 0.8, "bob", EAST),
        scored("other", 0.7, "cid", NORTH),
        scored("unindexed", 0.6, "dan"),
    ]
    assert ids(diverse(ranked, 9, CONFIG, fill=True)) == ["best", "other", "unindexed"]


def test_of_equal_pictures_the_best_is_shown_though_their_texts_differ():
    ranked = [
        scored("best", 0.9, "ann", EAST, "x"),
        scored("same", 0.8, "bob", NORTH, "x"),
        scored("none", 0.7, "cid", NORTH),
    ]
    assert ids(diverse(ranked, 9, CONFIG, fill=True)) == ["best", "none"]


def test_a_duplicate_does_not_use_up_its_authors_share():
    ranked = [
        scored("a", 0.9, "ann", EAST),
        scored("b0", 0.8, "bob", EAST),
        scored("b1", 0.7, "bob", NORTH),
        scored("b2", 0.6, "bob"),
    ]
    assert ids(diverse(ranked, 3, CONFIG, fill=False)) == ["a", "b1", "b2"]


entries = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from("uvw"),
        st.integers(-1000, 1000).map(lambda thousandths: thousandths / 1000),
    ),
    max_size=30,
)


@given(entries, st.integers(1, 12))
def test_filling_leaves_no_place_empty_but_for_duplicates(rows, k):
    ranked = in_order(
        [
            scored(f"p{i}", score, author, image=image)
            for i, (author, image, score) in enumerate(rows)
        ]
    )
    strict = diverse(ranked, k, CONFIG, fill=False)
    full = diverse(ranked, k, CONFIG, fill=True)
    pictures = {one.post.image_hash for one in ranked}
    assert len(full) == min(k, len(pictures))
    assert len({one.post.image_hash for one in full}) == len(full)
    assert set(ids(strict)) <= set(ids(full))
    assert all(
        ids(strict_of := [s for s in strict if s.post.user_id == a]) == ids(strict_of)[:2]
        for a in "abc"
    )
    assert full == in_order(full)


def test_variety_costs_a_like_post_so_much_as_it_is_like_one_above():
    northeast = (EAST + NORTH) / np.float32(2**0.5)
    ranked = [
        scored("best", 1.0, "ann", EAST),
        scored("like", 0.9, "bob", northeast),
        scored("other", 0.8, "cid", NORTH),
        scored("last", 0.0, "dan", -EAST),
    ]
    found = diverse(ranked, 3, CONFIG.model_copy(update={"strength": 0.5}), fill=True)
    assert ids(found) == ["best", "other", "like"]
    deduction = found[2].parts[-1]
    assert deduction.kind is ReasonKind.DIVERSITY
    assert deduction.value == pytest.approx(-(0.5**0.5))
    assert ids(diverse(ranked, 3, CONFIG, fill=True)) == ["best", "like", "other"]


vectors = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(
    lambda row: np.array(row, np.float32) / max(float(np.linalg.norm(row)), 1e-3)
)


@given(st.lists(st.tuples(st.floats(-1, 1), vectors), min_size=1, max_size=30), st.floats(0, 0.9))
def test_the_list_falls_by_score_and_no_choice_was_better(rows, strength):
    """Every chosen post is, when it is chosen, the best after deductions: checked one by one."""
    config = DiversityConfig(per_author=9, near_duplicate=1, strength=strength)
    ranked = in_order([scored(f"p{i}", s, f"a{i}", v) for i, (s, v) in enumerate(rows)])
    found = diverse(ranked, 8, config, fill=True)
    scores = [one.score for one in found]
    assert all(above >= below - 1e-4 for above, below in itertools.pairwise(scores))
    by_id = {one.post.post_id: one for one in ranked}
    unit = strength / (1 - strength) * (ranked[0].score - ranked[-1].score)
    for place, one in enumerate(found[1:], 1):
        above = [other.vector for other in found[:place]]
        if any(float(one.vector @ other) > 0.999 for other in above):  # what is the same is skipped
            continue
        likeness = max(0.0, *(float(one.vector @ other) for other in above))
        plain = by_id[one.post.post_id].score
        assert one.score == pytest.approx(plain - unit * likeness, abs=1e-4)
