from types import SimpleNamespace

import numpy as np
import pytest
import torch

from recsys.config import EventsConfig
from recsys.events.database import Events
from recsys.events.records import Person, Post
from recsys.index import build_index
from recsys.recommend import Recommender
from recsys.versions import Target
from tests.recsys.world import (
    ProjectionSpace,
    fill,
    open_events,
    open_store,
    small_world,
    unit_rows,
)
from training.errors import BadConfig, BadData, Conflict
from training.histories import HistoryConfig, histories
from training.modalities import History
from training.model.layout import default_query_weights
from training.query_weights import apply

WORLD = small_world()
LEARNED = ("lurker", "person0", "stranger")
SPACE = ProjectionSpace(LEARNED)
PUBLIC = np.array([not post.private for post in WORLD.posts])


@pytest.fixture(scope="module")
def indexed(ray_session, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexed")
    with open_events(folder) as events, open_store(folder, batch_size=20, here_below=0) as store:
        fill(events, WORLD)
        events.add_people([Person("lurker"), Person("nobody")])
        seen: list[tuple[str, int, int]] = []
        report = build_index(
            SPACE, WORLD.features, store, events, "7", progress=lambda *step: seen.append(step)
        )
        yield SimpleNamespace(events=events, store=store, report=report, progress=seen)


def test_everything_public_is_indexed_and_counted(indexed):
    posts, report = WORLD.features.posts, indexed.report
    assert report.counts == {
        Target.POSTS: PUBLIC.sum(),
        Target.IMAGES: (posts.has_image.numpy() & PUBLIC).sum(),
        Target.TEXTS: (posts.has_text.numpy() & PUBLIC).sum(),
        Target.USERS: 7,  # six authors, and one who is known to the model alone
    }
    assert (report.private, report.absent, report.unplaced) == (6, 0, 1)
    assert indexed.store.live().version == report.version
    assert report.version.model == "7"
    total = int(PUBLIC.sum()) + 7
    assert indexed.progress[-1] == ("index", total, total)
    assert [done for _, done, _ in indexed.progress] == sorted(d for _, d, _ in indexed.progress)


def test_indexed_vectors_are_those_of_the_model(indexed):
    """Against the space called directly, on everything at once."""
    view, posts = indexed.store.live(), WORLD.features.posts
    ids = WORLD.features.post_ids
    whole = SPACE.embed_posts(posts)
    for target, present, vectors in (
        (Target.POSTS, torch.ones(len(ids), dtype=torch.bool), whole),
        (Target.IMAGES, posts.has_image, SPACE.embed_images(posts.image)),
        (Target.TEXTS, posts.has_text, SPACE.embed_texts(posts.text)),
    ):
        found = view.fetch(target, list(ids))
        assert set(found) == set(ids[PUBLIC & present.numpy()])
        for row, id in enumerate(ids):
            if id in found:
                assert found[id] == pytest.approx(vectors[row], abs=1e-5)


def test_queries_are_weighed_as_the_model_does(indexed):
    view, vectors = indexed.store.live(), unit_rows(4)
    for direction, asker, target in (
        ("user_to_post", Target.USERS, Target.POSTS),
        ("text_to_image", Target.TEXTS, Target.IMAGES),
    ):
        blocks = SPACE.joint.blocks
        weights = (dict(default_query_weights(blocks)) | SPACE.query_weights)[direction]
        expected = apply(vectors, weights, blocks)
        assert view.aimed(vectors, asker, target) == pytest.approx(expected, abs=1e-6)


def test_few_are_embedded_without_ray_to_the_same_vectors(indexed, tmp_path):
    with open_events(tmp_path) as events, open_store(tmp_path) as store:
        fill(events, WORLD)
        events.add_people([Person("lurker"), Person("nobody")])
        report = build_index(SPACE, WORLD.features, store, events, "7")
        assert report.counts == indexed.report.counts
        ids = list(WORLD.features.post_ids)
        here, there = (one.live().fetch(Target.POSTS, ids) for one in (store, indexed.store))
        assert here.keys() == there.keys()
        assert all(here[id] == pytest.approx(there[id], abs=1e-6) for id in here)


def test_people_are_their_public_posts_and_approved_reactions(indexed):
    rows = np.flatnonzero(PUBLIC)
    features = WORLD.features
    people = ["lurker", *(f"person{i}" for i in range(6))]
    table = indexed.events.reactions_table()
    own = histories(
        features.post_ids[rows], features.user_ids[rows], table, HistoryConfig(), people
    )
    flat = [(rows[row], n, weight) for n, user in enumerate(people) for row, weight in own[user]]
    history = History(
        features.posts[torch.tensor([int(row) for row, _, _ in flat])],
        torch.tensor([n for _, n, _ in flat]),
        torch.tensor([weight for _, _, weight in flat]),
        len(people),
    )
    expected = SPACE.embed_users(history, people)
    found = indexed.store.live().fetch(Target.USERS, [*people, "nobody", "stranger"])
    assert set(found) == set(people)
    for row, user in enumerate(people):
        assert found[user] == pytest.approx(expected[row], abs=1e-5)


def test_what_was_indexed_can_be_recommended(indexed):
    found = Recommender(indexed.store, indexed.events).recommend("person2", 10)
    assert len(found) == 10
    assert Recommender(indexed.store, indexed.events).recommend("lurker", 3)  # by id alone


@pytest.fixture
def small(tmp_path):
    """A world that is indexed without Ray."""
    with open_events(tmp_path) as events, open_store(tmp_path) as store:
        fill(events, WORLD)
        build_index(SPACE, WORLD.features, store, events, "7")
        yield SimpleNamespace(events=events, store=store)


def test_a_deleted_post_is_left_out_of_the_next_build(small):
    small.events.delete_post("post/000")
    report = build_index(SPACE, WORLD.features, small.store, small.events, "8")
    assert report.absent == 1
    assert report.counts[Target.POSTS] == PUBLIC.sum() - 1
    assert small.store.live().fetch(Target.POSTS, ["post/000"]) == {}
    assert [version.model for version in small.store.versions()] == ["8", "7"]


def test_what_becomes_private_while_the_build_runs_is_left_out(small):
    class Slow(ProjectionSpace):
        def embed_posts(self, posts):
            if "person1" in small.events.people():
                small.events.add_posts([Post("post/001", "person0", private=True)])
                small.events.delete_person("person1")
            return super().embed_posts(posts)

    report = build_index(Slow(), WORLD.features, small.store, small.events, "8")
    view = small.store.live()
    asked = ["post/000", "post/001", "post/010"]
    assert view.fetch(Target.POSTS, asked).keys() == {"post/000"}
    assert view.fetch(Target.USERS, ["person0", "person1"]).keys() == {"person0"}
    assert report.counts[Target.POSTS] == PUBLIC.sum() - 8


def test_two_do_not_index_at_once(indexed):
    with indexed.events.hold("index commonspace"), pytest.raises(Conflict, match="index common"):
        build_index(SPACE, WORLD.features, indexed.store, indexed.events, "9")


def test_a_bad_model_version_is_refused_before_anything_is_embedded(indexed):
    with pytest.raises(BadConfig, match="model version 'a b'"):
        build_index(SPACE, WORLD.features, indexed.store, indexed.events, "a b")


def test_nothing_to_index_says_so(tmp_path):
    with (
        Events(EventsConfig(), tmp_path) as events,
        open_store(tmp_path) as store,
        pytest.raises(BadData, match="no public post"),
    ):
        build_index(SPACE, WORLD.features, store, events, "1")


def test_a_build_that_fails_leaves_the_old_version_and_the_way_free(small):
    before = small.store.live().version

    class Broken(ProjectionSpace):
        def embed_posts(self, posts):
            return 2 * super().embed_posts(posts)

    with pytest.raises(BadData, match="has length 2"):
        build_index(Broken(), WORLD.features, small.store, small.events, "9")
    assert small.store.live().version == before
    assert build_index(SPACE, WORLD.features, small.store, small.events, "9").version.model == "9"
