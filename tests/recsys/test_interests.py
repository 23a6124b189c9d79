import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.config import InterestConfig
from recsys.events.records import Post
from recsys.interests import Anchor, interests_of

CONFIG = InterestConfig()
AXES = np.eye(4, dtype=np.float32)


def anchor(post_id: str, vector, *tags: str, weight: float = 1.0) -> Anchor:
    return Anchor(Post(post_id, "ann", tags=tags), True, weight, np.asarray(vector, np.float32))


def near(axis: int, other: int) -> np.ndarray:
    row = AXES[axis] + 0.3 * AXES[other]
    return row / np.linalg.norm(row)


def test_like_posts_are_one_interest_named_by_what_most_share():
    anchors = [
        anchor("cat1", AXES[0], "animals", "cat"),
        anchor("car1", AXES[1], "cars"),
        anchor("cat2", near(0, 2), "cat", "drawing"),
        anchor("cat3", near(0, 3), "cat", "animals"),
        anchor("car2", near(1, 3)),
    ]
    cats, cars = interests_of(anchors, CONFIG)
    assert cats.name == "cat and animals" and cars.name == ""  # one of two isn't most
    assert cats.anchors[0].post.post_id == "cat1"  # the most central
    assert {one.post.post_id for one in cars.anchors} == {"car1", "car2"}
    mean = AXES[0] + near(0, 2) + near(0, 3)
    assert cats.vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_the_weightiest_come_first_and_no_more_than_asked_for():
    anchors = [anchor(f"p{i}", AXES[i], weight=weight) for i, weight in enumerate((1, 3, 2, 1))]
    found = interests_of(anchors, InterestConfig(most=3))
    assert [one.anchors[0].post.post_id for one in found] == ["p1", "p2", "p0"]
    assert interests_of(anchors, InterestConfig(anchors=1))[0].anchors == (anchors[0],)
    assert interests_of([anchor("p", AXES[0], weight=0)], CONFIG) == interests_of([], CONFIG) == ()


def test_opposite_posts_that_are_forced_together_leave_a_direction():
    (found,) = interests_of(
        [anchor("a", AXES[0]), anchor("b", -AXES[0])], InterestConfig(likeness=0, most=1)
    )
    assert np.linalg.norm(found.vector) == pytest.approx(1)


rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0.1, 3)), min_size=1, max_size=25
)


@given(rows)
def test_every_anchor_is_in_one_interest_and_its_order_does_not_matter(drawn):
    anchors = [anchor(f"p{i}", near(a, b), weight=w) for i, (a, b, w) in enumerate(drawn)]
    config = InterestConfig(most=64)
    found = interests_of(anchors, config)
    ids = [one.post.post_id for interest in found for one in interest.anchors]
    assert sorted(ids) == sorted(one.post.post_id for one in anchors)
    assert all(np.linalg.norm(one.vector) == pytest.approx(1, abs=1e-5) for one in found)
    turned = interests_of(anchors[::-1], config)
    groups = {frozenset(a.post.post_id for a in one.anchors) for one in found}
    assert {frozenset(a.post.post_id for a in one.anchors) for one in turned} == groups
