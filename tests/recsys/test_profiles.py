from datetime import timedelta

import numpy as np
import pytest

from recsys.config import RecommendConfig
from recsys.events.records import Post, Reaction
from recsys.profiles import profile_of
from recsys.versions import Target
from tests.recsys.world import BEGINNING, open_events, open_store, publish, unit_rows

ROWS = unit_rows(8)
POSTS = [
    Post(f"p{i}", "ann" if i < 3 else "bob", tags=("x", f"t{i}"), created_at=BEGINNING)
    for i in range(6)
]


@pytest.fixture
def place(tmp_path):
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        publish(store, "1", dict(zip(POSTS, ROWS[:6], strict=True)), {"ann": ROWS[7]})
        events.add_posts(POSTS)
        yield events, store.live()


def profile(place, user: str, **settings):
    return profile_of(user, *place, RecommendConfig.parse(settings))


def test_anchors_are_own_and_approved_posts_latest_first(place):
    events, _ = place
    later = [BEGINNING + timedelta(hours=hours) for hours in range(9)]
    events.add_posts([Post("unindexed", "ann", created_at=later[8])])
    events.add_reactions(
        [
            Reaction("ann", "p3", "like", None, later[1]),
            Reaction("ann", "p4", "comment", None, later[3]),
            Reaction("ann", "p4", "click", None, later[4]),
            Reaction("ann", "p5", "hide", None, later[5]),
            Reaction("ann", "p0", "save", None, later[6]),
            Reaction("ann", "gone", "like", None, later[7]),
        ]
    )
    found = profile(place, "ann")
    assert [(a.post.post_id, a.own, a.weight) for a in found.anchors] == [
        ("p4", False, 0.5),
        ("p3", False, 1.0),
        ("p0", True, 1.0),
        ("p1", True, 1.0),
        ("p2", True, 1.0),
    ]
    assert found.seen == {"p0", "p1", "p2", "p3", "p4", "p5", "unindexed", "gone"}
    assert found.vector == pytest.approx(ROWS[7])
    assert found.tags.most_common(1) == [("x", 5)]
    assert [a.post.post_id for a in profile(place, "ann", anchors=3).anchors] == ["p4", "p3", "p0"]


def test_a_post_that_became_private_speaks_for_nobody_but_stays_seen(place):
    events, _ = place
    events.add_posts([Post("p3", "bob", private=True), Post("p0", "ann", private=True)])
    events.add_reactions([Reaction("ann", "p3", "like")])
    found = profile(place, "ann")
    assert {anchor.post.post_id for anchor in found.anchors} == {"p1", "p2"}
    assert {"p0", "p3"} <= found.seen


def test_a_newcomer_is_the_weighted_mean_of_what_they_liked(place):
    events, _ = place
    assert profile(place, "zoe").vector is None
    events.add_reactions([Reaction("zoe", "p1", "like"), Reaction("zoe", "p2", "click")])
    found = profile(place, "zoe")
    mean = ROWS[1] + 0.25 * ROWS[2]
    assert found.vector == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.query is not None


def test_what_came_after_the_index_is_added_to_the_learned_vector(place):
    events, view = place
    before, after = view.begun - timedelta(hours=1), view.begun + timedelta(hours=1)
    assert profile(place, "ann").vector == pytest.approx(ROWS[7])  # three own posts, long ago
    events.add_reactions([Reaction("ann", "p4", "like", None, before)])
    assert profile(place, "ann").vector == pytest.approx(ROWS[7])
    events.add_reactions([Reaction("ann", "p5", "click", None, after)])
    mean = 4 * ROWS[7] + 0.25 * ROWS[5]
    expected = mean / np.linalg.norm(mean)
    assert profile(place, "ann").vector == pytest.approx(expected, abs=1e-6)


def test_opposite_likes_leave_a_newcomer_at_the_latest(tmp_path):
    east = ROWS[0]
    posts = {Post("east", "ann"): east, Post("west", "ann"): -east}
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        publish(store, "1", posts)
        events.add_posts(list(posts))
        found = profile_of("ann", events, store.live(), RecommendConfig())
        assert found.vector == pytest.approx(east)


def test_the_person_asks_as_the_model_weighs(tmp_path):
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        build = store.begin("1", 2)
        build.insert(Target.USERS, ["ann"], np.array([[0.6, 0.8]]))
        build.insert(Target.POSTS, ["p0"], np.array([[0.8, 0.6]]), [Post("p0", "ann")])
        build.weigh({"user_to_post": np.array([1.0, 0.0]), "post_to_post": np.array([0.0, 1.0])})
        store.publish(build)
        events.add_posts([Post("p0", "ann")])
        found = profile_of("ann", events, store.live(), RecommendConfig())
        assert found.vector == pytest.approx([0.6, 0.8])
        assert found.query == pytest.approx([1, 0])
        assert found.anchor_queries == pytest.approx(np.array([[0, 1]]))
