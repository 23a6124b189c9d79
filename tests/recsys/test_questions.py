"""Questions with a pinned version: mixes, posts near a post, anonymous sessions, conditions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.config import RecommendConfig
from recsys.events.records import Person, Post, Reaction
from recsys.filtering import PostFilter
from recsys.milvus import Vanished
from recsys.mixing import QueryVector, mixed
from recsys.recommend import Recommender
from recsys.versions import Target
from tests.recsys.test_recommend import SPACE, WORLD, index
from tests.recsys.world import fill, open_events, open_store, publish, unit_rows
from training.errors import BadConfig, CommonspaceError, NotFound

VECTORS = SPACE.embed_posts(WORLD.features.posts)
ROW = {post.post_id: row for row, post in enumerate(WORLD.posts)}
PUBLIC = [post for post in WORLD.posts if not post.private]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("store")) as store:
        index(store, WORLD)
        yield store


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        fill(events, WORLD)
        yield events


@pytest.fixture
def recommender(store, events):
    return Recommender(store, events)


def test_a_pinned_version_answers_whichever_is_live(tmp_path, events):
    with open_store(tmp_path) as store:
        index(store, WORLD)
        first, recommender = store.live(), Recommender(store, events)
        before = recommender.recommend("person0", 5), recommender.similar("person0", 3)
        east = np.tile(np.eye(1, 16, dtype=np.float32), (len(WORLD.posts), 1))
        publish(store, "2", dict(zip(WORLD.posts, east, strict=True)), {"person0": east[0]})
        assert recommender.similar("person0", 3) == []
        again = (
            recommender.recommend("person0", 5, view=first),
            recommender.similar("person0", 3, view=first),
        )
        assert again == before
        assert recommender.related("post/000", 3, view=first)
        store.use(first.version)
        assert store.live().version == first.version
        publish(store, "3", dict(zip(WORLD.posts, VECTORS, strict=True)))
        publish(store, "4", dict(zip(WORLD.posts, VECTORS, strict=True)))
        with pytest.raises(Vanished):
            recommender.recommend("person0", 5, view=first)
        store.forget()
        with pytest.raises(Vanished):
            store.open(first.version)


def test_conditions_hold_for_all_that_is_recommended(recommender, events):
    where = PostFilter(authors=("person1", "person2"), not_authors=("person2",))
    found = recommender.recommend("person0", 60, where=where)
    assert {one.author for one in found} == {"person1"}
    assert len(found) == 4  # of their eight one is private, and three were seen
    events.add_people([Person("zoe")])
    fallback = recommender.recommend("zoe", 60, where=where)
    assert {one.author for one in fallback} == {"person1"} and len(fallback) == 7
    assert all({"popular", "fresh"} & set(one.sources) for one in fallback)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([post.post_id for post in PUBLIC]),
            st.floats(-1, 1, width=32).filter(lambda weight: abs(weight) > 0.05),
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([Target.POSTS, Target.IMAGES, Target.TEXTS]),
)
@settings(max_examples=30, deadline=None)
def test_a_mix_is_the_weighted_sum_of_its_parts(store, tmp_path_factory, parts, target):
    """Against all cosines, computed directly."""
    view = store.live()
    vectors = [QueryVector(Target.POSTS, VECTORS[ROW[id]], weight) for id, weight in parts]
    total = np.sum([weight * VECTORS[ROW[id]] for id, weight in parts], axis=0)
    if np.linalg.norm(total) < 1e-3:
        return
    query = total / np.linalg.norm(total)
    assert mixed(vectors, target, view) == pytest.approx(query, abs=1e-4)
    with open_events(tmp_path_factory.mktemp("mix")) as events:
        fill(events, WORLD)
        excluded = frozenset({parts[0][0]})
        hits = Recommender(store, events).nearest(vectors, target, 99, exclude=excluded, view=view)
    cosines = {post.post_id: float(VECTORS[ROW[post.post_id]] @ query) for post in PUBLIC}
    assert {hit.id for hit in hits} == cosines.keys() - excluded
    assert [hit.score for hit in hits] == pytest.approx([cosines[hit.id] for hit in hits], abs=1e-4)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_each_part_asks_as_the_model_weighs(tmp_path):
    with open_store(tmp_path) as store:
        build = store.begin("1", 4)
        build.insert(Target.USERS, ["ann"], np.array([[0, 0, 0.6, 0.8]]))
        build.weigh(
            {"text_to_user": np.array([1.0, 0, 0, 0]), "image_to_user": np.array([0, 1.0, 0, 0])}
        )
        store.publish(build)
        half = np.full(4, 0.5, np.float32)
        parts = [QueryVector(Target.TEXTS, half, 0.6), QueryVector(Target.IMAGES, half, -0.8)]
        query = mixed(parts, Target.USERS, store.live())
        assert query == pytest.approx([0.6, -0.8, 0, 0])


def test_parts_that_cancel_out_are_refused(recommender, store):
    view = store.live()
    part = recommender.place_of_post("post/000", view)
    parts = [part, QueryVector(part.asker, part.vector, -1.0)]
    with pytest.raises(CommonspaceError, match="cancel out"):
        recommender.nearest(parts, Target.POSTS, 3, view=view)
    with pytest.raises(BadConfig, match="from 1 to 1000"):
        recommender.nearest([part], Target.POSTS, 0, view=view)


def test_places_are_those_of_the_index(recommender, store):
    view = store.live()
    person = recommender.place("person0", view)
    assert person.asker is Target.USERS and person.weight == 1
    assert person.vector == pytest.approx(view.fetch(Target.USERS, ["person0"])["person0"])
    post = recommender.place_of_post("post/000", view)
    assert post.asker is Target.POSTS
    assert post.vector == pytest.approx(VECTORS[0], abs=1e-6)
    with pytest.raises(NotFound, match="did you mean person"):
        recommender.place("persn0", view)


def test_related_are_public_posts_near_a_post_and_not_the_post(recommender, events):
    events.delete_post("post/001")
    found = recommender.related("post/000", 99)
    expected = {post.post_id for post in PUBLIC} - {"post/000", "post/001"}
    assert {hit.id for hit in found} == expected
    assert found == sorted(found, key=lambda hit: (-hit.score, hit.id))
    assert recommender.related("post/000", 3) == found[:3]


def test_copies_of_a_post_are_not_related_to_it(tmp_path):
    rows = unit_rows(5)
    posts = {
        Post("asked", "ann", image_hash="a" * 32): rows[0],
        Post("copy", "bob"): rows[0],
        Post("same/picture", "bob", image_hash="a" * 32): rows[1],
        Post("other", "bob", image_hash="b" * 32): rows[2],
        Post("opposite", "bob"): -rows[0],
    }
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        publish(store, "1", posts)
        events.add_posts(list(posts))
        found = Recommender(store, events).related("asked", 9)
        assert [hit.id for hit in found] == ["other", "opposite"]


@pytest.mark.parametrize("post_id", ["absent", "post/007", "a'b"])  # the second is private
def test_nothing_is_related_to_what_nobody_may_see(recommender, post_id):
    with pytest.raises(NotFound, match="no post"):
        recommender.related(post_id)


def test_a_post_that_is_not_indexed_yet_says_when_to_come_back(recommender, events):
    events.add_posts([Post("new", "person0", "words")])
    with pytest.raises(NotFound, match="try again"):
        recommender.related("new")


def test_a_session_gets_what_is_near_what_it_liked(store, events):
    config = RecommendConfig.parse({"diversity": {"near_duplicate": 1}})
    recommender = Recommender(store, events, config)
    found = recommender.for_session(["post/010", "absent"], ["post/011"], 99)
    ids = [one.post_id for one in found]
    assert set(ids) == {post.post_id for post in PUBLIC} - {"post/010", "post/011"}
    scores = {id: float(VECTORS[ROW[id]] @ VECTORS[ROW["post/010"]]) for id in ids}
    first = recommender.for_session(["post/010"], ["post/011"], 1)[0]
    assert first.post_id == ids[0]
    assert {"taste", "related"} & set(first.sources)
    anchor = next(reason for reason in first.reasons if reason.posts)
    assert anchor.posts == ("post/010",)
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:10]
    assert len(set(ids[:10]) & set(best)) >= 5


def test_a_session_that_names_no_post_is_refused(recommender):
    for liked in (["absent"], ["post/007"], ["absent", "also absent"]):
        with pytest.raises(NotFound, match="no post"):
            recommender.for_session(liked, [])


@given(
    st.lists(st.sampled_from([*ROW, "absent"]), min_size=1, max_size=8),
    st.lists(st.sampled_from([*ROW, "absent"]), max_size=8),
    st.sets(st.sampled_from(list(ROW)), max_size=8),
    st.integers(1, 60),
)
@settings(max_examples=20, deadline=None)
def test_a_session_never_gets_liked_seen_private_or_deleted_posts_and_else_all(
    store, tmp_path_factory, liked, seen, deleted, k
):
    config = RecommendConfig.parse(
        {"candidates": {"count": 3, "spare": 1}, "diversity": {"near_duplicate": 1}}
    )
    left = [post for post in WORLD.posts if post.post_id not in deleted]
    public = {post.post_id for post in left if not post.private}
    with open_events(tmp_path_factory.mktemp("session")) as events:
        events.add_posts(left)
        events.add_reactions([Reaction("person0", "post/010", "like")])
        recommender = Recommender(store, events, config)
        if not public.intersection(liked):
            with pytest.raises(NotFound):
                recommender.for_session(liked, seen, k)
            return
        ids = [one.post_id for one in recommender.for_session(liked, seen, k)]
    allowed = public - set(liked) - set(seen)
    assert set(ids) <= allowed
    assert len(ids) == len(set(ids)) == min(k, len(allowed))
