import numpy as np
import pytest
import torch

from recsys.events.records import Post, Reaction
from recsys.index import build_index
from recsys.later_posts import no_posts, with_later_posts
from recsys.marks import content_mark
from recsys.versions import Target
from tests.recsys.encoding import EncodingSpace, drawn, picture
from tests.recsys.world import (
    IMAGE_WIDTH,
    TEXT_WIDTH,
    fill,
    open_events,
    open_store,
    small_world,
)
from training.space import RawPost

WORLD = small_world()


@pytest.fixture
def space():
    return EncodingSpace()


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        fill(events, WORLD)
        yield events


def test_without_later_posts_the_table_is_the_same(space, events):
    table, contents = with_later_posts(space, WORLD.features, events)
    assert table is WORLD.features and contents == {}
    assert space.batches == []


def test_later_posts_are_indexed_and_count_in_histories(space, events, tmp_path):
    shown = picture()
    events.put_post(Post("new/both", "newcomer", "words", image_hash="a" * 32), shown)
    events.put_post(Post("new/picture", "newcomer", image_hash="a" * 32), shown)
    events.put_post(Post("new/text", "person0", "other words", image_hash="b" * 32))  # not stored
    events.put_post(Post("new/empty", "person0", image_hash="c" * 32))
    events.put_post(Post("new/private", "person0", "secret", private=True))
    events.add_reactions([Reaction("fan", "new/both", "like")])
    seen: list[tuple[str, int, int]] = []
    table, contents = with_later_posts(
        space, WORLD.features, events, progress=lambda *step: seen.append(step)
    )
    assert seen == [("posts", 4, 4)]
    count = len(WORLD.posts)
    assert table.post_ids.tolist() == [
        *WORLD.features.post_ids.tolist(),
        "new/both",
        "new/picture",
        "new/text",
    ]
    assert contents == {
        "new/both": content_mark("words", "a" * 32),
        "new/picture": content_mark(None, "a" * 32),
        "new/text": content_mark("other words", None),
    }
    assert table.user_ids[count:].tolist() == ["newcomer", "newcomer", "person0"]
    assert table.posts.has_image[count:].tolist() == [True, True, False]
    assert table.posts.has_text[count:].tolist() == [True, False, True]
    assert torch.equal(table.posts.text[count], drawn(b"words", TEXT_WIDTH))
    assert torch.equal(table.posts.image[count + 1], drawn(shown.data, IMAGE_WIDTH))
    with open_store(tmp_path) as store:
        report = build_index(space, table, store, events, "1", contents=contents)
        assert report.changed == 0
        view = store.live()
        later = ["new/both", "new/picture", "new/text", "new/empty", "new/private"]
        assert set(view.fetch(Target.POSTS, later)) == set(later[:3])
        assert set(view.fetch(Target.IMAGES, later)) == set(later[:2])
        assert set(view.fetch(Target.TEXTS, later)) == {"new/both", "new/text"}
        people = view.fetch(Target.USERS, ["newcomer", "fan"])
        liked = view.fetch(Target.POSTS, ["new/both"])["new/both"]
        assert set(people) == {"newcomer", "fan"}
        assert people["fan"] == pytest.approx(liked, abs=1e-6)


def test_many_are_encoded_some_at_a_time(space, events):
    events.add_posts([Post(f"new/{i:03d}", "ann", f"text {i}") for i in range(130)])
    table, _ = with_later_posts(space, WORLD.features, events)
    assert space.batches == [64, 64, 2]
    assert len(table.post_ids) == len(table.posts) == len(WORLD.posts) + 130
    assert len(np.unique(table.post_ids)) == len(table.post_ids)


def test_the_database_alone_makes_the_same_index(space, events, tmp_path):
    shown = picture()
    events.put_post(Post("new/both", "newcomer", "words", image_hash="a" * 32), shown)
    with open_store(tmp_path) as store:
        table, contents = with_later_posts(space, no_posts(space), events)
        report = build_index(space, table, store, events, "1", contents=contents)
        texts = sum(bool(post.text) and not post.private for post in WORLD.posts)
        assert report.counts[Target.POSTS] == report.counts[Target.TEXTS] == texts + 1
        assert (report.counts[Target.IMAGES], report.changed) == (1, 0)
        found = store.live().fetch(Target.POSTS, ["new/both"])["new/both"]
        expected = space.embed_posts(space.features([RawPost("words", shown.data)]))[0]
        assert found == pytest.approx(expected, abs=1e-6)
