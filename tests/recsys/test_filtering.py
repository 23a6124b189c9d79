"""What an asker wants of posts, against the same conditions in Python, on a real Milvus Lite."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from recsys.events.records import Post
from recsys.filtering import PostFilter
from recsys.recommend import Recommender
from recsys.versions import Target
from tests.recsys.test_filters import HOSTILE, any_text
from tests.recsys.world import BEGINNING, open_events, open_store, publish, unit_rows
from training.errors import BadData

ROWS = unit_rows(2 * len(HOSTILE) + 2)
TAGS = ["bird", "Bird", "", "%", "_", "a b", *HOSTILE, "long " * 60]
CATEGORIES = ["animals", '" or 1 == 1', "\\", "é" * 300, None]
LANGUAGES = ["en", "de", '" or 1 == 1', "\\", "x" * 65, None]
POSTS = [
    Post(
        f"p{i:02d}",
        ([*HOSTILE, "ann"])[i // 2],
        language=LANGUAGES[i % len(LANGUAGES)],
        created_at=None if i % 7 == 3 else BEGINNING + timedelta(hours=i),
        tags=tuple(TAGS[(i + step) % len(TAGS)] for step in range(i % 4)),
        category=CATEGORIES[i % 3 if i % 2 else i % len(CATEGORIES)],
    )
    for i in range(len(ROWS))
]
AUTHORS = sorted({post.user_id for post in POSTS})


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    with open_store(tmp_path_factory.mktemp("rows")) as store:
        publish(store, "1", dict(zip(POSTS, ROWS, strict=True)))
        yield store.live()


def found(view, where: PostFilter) -> set[str]:
    (near,) = view.search(Target.POSTS, ROWS[:1], 99, where.filter())
    return {one.id for one in near}


authors = st.lists(st.sampled_from(AUTHORS) | any_text, max_size=4).map(tuple)
languages = st.lists(
    st.sampled_from([language for language in LANGUAGES if language]) | any_text, max_size=3
).map(tuple)
moments = st.none() | st.datetimes(
    datetime(2025, 12, 31), datetime(2026, 1, 3), timezones=st.just(UTC)
)
tags = st.lists(st.sampled_from(TAGS) | any_text, max_size=4).map(tuple)
categories = st.lists(
    st.sampled_from([category for category in CATEGORIES if category]) | any_text, max_size=3
).map(tuple)
conditions = st.builds(
    PostFilter, authors, authors, languages, moments, moments, tags, tags, categories
)


@given(conditions | st.builds(PostFilter, tags=tags, not_tags=tags, categories=categories))
@example(PostFilter(("ann",)))
@example(PostFilter((), tuple(AUTHORS)))
@example(PostFilter((), (), ('" or 1 == 1',), BEGINNING, BEGINNING + timedelta(hours=20)))
@example(PostFilter(tags=("bird", '" or id != "')))
@example(PostFilter(tags=("bird",), not_tags=("Bird",), categories=("animals",)))
@example(PostFilter(not_tags=tuple(TAGS)))
@example(PostFilter(categories=("é" * 300,), languages=("x" * 65,)))
@settings(max_examples=200, deadline=None)
def test_whatever_is_asked_for_exactly_the_rows_meant_are_found(view, where):
    try:
        where.filter().render()
    except BadData:
        texts = (*where.authors, *where.not_authors, *where.languages, *where.categories)
        assert any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for text in texts for c in text)
        return
    assert found(view, where) == {post.post_id for post in POSTS if where.passes(post)}


def test_without_conditions_every_row_passes(view):
    assert found(view, PostFilter()) == {post.post_id for post in POSTS}
    assert PostFilter().filter().render() == ""


def test_a_moment_counts_in_whichever_zone_it_is_said(view):
    there = (BEGINNING + timedelta(hours=5)).astimezone(timezone(timedelta(hours=9)))
    expected = {
        post.post_id
        for post in POSTS
        if post.created_at and post.created_at >= BEGINNING + timedelta(hours=5)
    }
    assert found(view, PostFilter(created_after=there)) == expected


def test_the_event_database_has_the_last_word(tmp_path):
    """The index still says what the posts were before they were written over."""
    posts = [Post(f"p{i}", "bob", language="en", created_at=BEGINNING) for i in range(4)]
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        publish(store, "1", dict(zip(posts, ROWS[:4], strict=True)), {"ann": ROWS[5]})
        events.add_posts([*posts, Post("mine", "ann")])
        events.add_posts([Post("p0", "bob", language="de", created_at=BEGINNING)])
        recommender, view = Recommender(store, events), store.live()
        where = PostFilter(languages=("en",))
        names = {one.post_id for one in recommender.recommend("ann", 9, where=where)}
        place = recommender.place("ann", view)
        hits = recommender.nearest([place], Target.TEXTS, 9, where=where, view=view)
        assert names == {hit.id for hit in hits} == {"p1", "p2", "p3"}
        people = recommender.nearest([place], Target.USERS, 9, where=where, view=view)
        assert [hit.id for hit in people] == ["ann"]  # conditions on posts say nothing of people
