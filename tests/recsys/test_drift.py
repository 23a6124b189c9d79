"""What the marks of rows tell, beyond their ids; and what mends it."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys import schema
from recsys.drift import Drift, drift, expected_of
from recsys.erase import erase_post
from recsys.events.records import Post
from recsys.filtering import PostFilter
from recsys.marks import content_mark, history_mark
from recsys.recommend import Recommender
from recsys.repair import repair, verify
from recsys.rows import post_fields, stored
from recsys.versions import Target
from tests.recsys.encoding import EncodingSpace, picture
from tests.recsys.world import BEGINNING, open_events, open_store, publish, unit_rows
from training.errors import Conflict

ALL = (Target.POSTS, Target.IMAGES, Target.TEXTS)
ROWS = unit_rows(9)
POSTS = [
    Post(f"p{i}", "ann" if i < 3 else "bob", f"Post {i}", ("all",), BEGINNING, category="a")
    for i in range(6)
]


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        events.add_posts(POSTS)
        yield events


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        publish(store, "1", dict(zip(POSTS, ROWS, strict=False)), {"ann": ROWS[6], "bob": ROWS[7]})
        yield store


def no_model():
    raise AssertionError("no model is needed for this")


def mend(events, store, space=no_model) -> None:
    version = store.live().version
    repair(drift(events, store.live(), deep=True), events, store, version, space)
    assert verify(events, store, version).clean


def test_an_index_that_is_true_has_no_drift(events, store):
    found = verify(events, store, store.live().version)
    assert found.clean and found.marked and found.drift == Drift()
    assert found.counts == found.listed == {**dict.fromkeys(ALL, 6), Target.USERS: 2}
    assert set(found.dimensions.values()) == {16}


@pytest.mark.parametrize(
    "change",
    [
        {"tags": ("all", "new")},
        {"tags": ()},
        {"category": "b"},
        {"language": "de"},
        {"created_at": BEGINNING + timedelta(days=1)},
    ],
    ids=str,
)
def test_a_changed_field_is_mended_without_the_model(events, store, change):
    events.add_posts([replace(POSTS[2], **change)])
    view = store.live()
    assert drift(events, view) == Drift()  # ids can't tell
    assert drift(events, view, deep=True) == Drift(mislabelled=("p2",))
    before = {target: view.fetch(target, ["p2"])["p2"] for target in ALL}
    mend(events, store)
    for target in ALL:
        assert view.fetch(target, ["p2"])["p2"] == pytest.approx(before[target])
        asked = PostFilter(tags=tuple(change.get("tags", ())), not_tags=("nothing",)).filter()
        (found,) = view.search(target, ROWS[:1], 9, asked)
        assert "p2" in {near.id for near in found}


def test_what_is_too_many_goes_from_every_version_without_the_model(events, store):
    publish(store, "2", dict(zip(POSTS, ROWS, strict=False)), {"ann": ROWS[6], "bob": ROWS[7]})
    events.delete_person("bob")
    events.put_post(replace(POSTS[0], private=True))
    found = drift(events, store.live(), deep=True)
    assert found == Drift(extra=("p0", "p3", "p4", "p5"), strangers=("bob",))
    mend(events, store)
    for version in store.versions():
        view = store.open(version)
        assert {target: view.count(target) for target in Target} == dict.fromkeys(ALL, 2) | {
            Target.USERS: 1
        }


def test_changed_and_missing_content_is_embedded_again(events, store):
    shown = picture()
    events.add_posts([replace(POSTS[1], text="Other words")])
    events.put_post(replace(POSTS[2], text=None, image_hash="a" * 32), shown)
    events.put_post(Post("new", "ann", "News"))
    store.remove(Target.TEXTS, ["p5"])  # a part of a post, lost
    found = drift(events, store.live(), deep=True)
    assert found == Drift(missing=("new", "p5"), outdated=("p1", "p2"))
    space = EncodingSpace()
    mend(events, store, lambda: space)
    view = store.live()
    assert set(view.fetch(Target.TEXTS, ["p1", "p2", "p5", "new"])) == {"p1", "p5", "new"}
    assert set(view.fetch(Target.IMAGES, ["p1", "p2", "p5", "new"])) == {"p2"}
    picture_alone = space.embed_images(space.features([_raw(image=shown.data)]).image)[0]
    assert view.fetch(Target.POSTS, ["p2"])["p2"] == pytest.approx(picture_alone, abs=1e-6)


def test_a_post_that_holds_nothing_is_not_missing(events, store):
    events.add_posts([Post("empty", "ann"), Post("unseen", "ann", image_hash="b" * 32)])
    assert not drift(events, store.live(), deep=True)


def test_a_model_of_another_dimension_mends_nothing(events, store):
    events.add_posts([Post("new", "ann", "News")])
    found = drift(events, store.live(), deep=True)
    with pytest.raises(Conflict, match="16 dimensions, its model 8"):
        repair(found, events, store, store.live().version, lambda: EncodingSpace(dimension=8))


@pytest.fixture
def older(tmp_path, events, monkeypatch):
    """An index as an older release made it: no tags, no categories, no marks."""
    made = schema.schema_of

    def of_old(part, dimension):
        kept = made(part, dimension)
        names = {"id", "vector", "author", "language", "created_at"}
        kept._fields = [field for field in kept.fields if field.name in names]
        return kept

    with open_store(tmp_path) as store, monkeypatch.context() as patch:
        patch.setattr(schema, "schema_of", of_old)
        build = store.begin("1", 16)
        store.publish(build)  # empty: it would write fields that aren't there
        store.put(build.version, POSTS, dict.fromkeys(ALL, ROWS[:6]))
        yield store


def test_an_index_of_an_older_release_can_be_read_filtered_and_written(events, older):
    view = older.live()
    assert not view.marked and "tags" not in view.fields
    events.add_posts([replace(POSTS[4], tags=("jazz",), category="music")])
    recommender = Recommender(older, events)
    place = recommender.place_of_post("p0", view)
    for where in (PostFilter(tags=("jazz",)), PostFilter(categories=("music",))):
        (found,) = view.search(Target.POSTS, ROWS[:1], 9, where.filter())
        assert len(found) == 6  # the index can't tell, so the event database does
        hits = recommender.nearest([place], Target.POSTS, 9, where=where, view=view)
        assert [hit.id for hit in hits] == ["p4"]
        picked = recommender.recommend("ann", 9, where=where)
        assert [one.post_id for one in picked] == ["p4"]
    where = PostFilter(authors=("bob",), not_tags=("jazz",))
    (found,) = view.search(Target.POSTS, ROWS[:1], 9, where.filter())
    assert {near.id for near in found} == {"p3", "p4", "p5"}


def test_an_index_of_an_older_release_is_compared_by_ids(events, older):
    events.add_posts([replace(POSTS[4], text="Other", tags=("jazz",)), Post("new", "ann", "x")])
    erase_post(events, older, "p5")
    found = verify(events, older, older.live().version)
    assert not found.marked
    assert found.drift == Drift(missing=("new",))
    repair(found.drift, events, older, found.version, EncodingSpace)
    assert verify(events, older, found.version).clean


texts = st.none() | st.text(max_size=5)
posts = st.builds(
    Post,
    st.just("p"),
    st.sampled_from(["ann", "bob"]),
    text=texts,
    tags=st.lists(st.sampled_from(["a", "b", "a b"]), max_size=3).map(tuple),
    created_at=st.none() | st.integers(0, 3).map(lambda days: BEGINNING + timedelta(days=days)),
    language=st.sampled_from([None, "en", "x" * 65]),
    image_hash=st.sampled_from([None, "a" * 32, "b" * 32]),
    category=st.sampled_from([None, "a", "é" * 300]),
)


@given(posts, posts)
def test_marks_are_equal_just_where_what_they_stand_for_is(one, other):
    same = (one.text or None, one.image_hash) == (other.text or None, other.image_hash)
    marks = [content_mark(post.text, post.image_hash) for post in (one, other)]
    assert (marks[0] == marks[1]) == same
    seen = [
        (p.user_id, tuple(dict.fromkeys(p.tags)), p.created_at, p.language, p.category)
        for p in (one, other)
    ]
    fields = [post_fields(post)["fields_mark"] for post in (one, other)]
    assert (fields[0] == fields[1]) == (seen[0] == seen[1])
    assert all(-(2**63) <= int(str(mark)) < 2**63 for mark in (*marks, *fields))


def test_the_mark_of_a_history_does_not_depend_on_its_order():
    assert history_mark([("a", 1.0), ("b", 0.5)]) == history_mark([("b", 0.5), ("a", 1.0)])
    assert history_mark([("a", 1.0)]) != history_mark([("a", 0.5)])


def test_a_picture_that_is_not_stored_may_or_may_not_be_in_a_vector():
    post = Post("p", "ann", "words", image_hash="a" * 32)
    assert expected_of(post, pictured=True).contents == {content_mark("words", "a" * 32)}
    assert expected_of(post, pictured=True).targets == set(ALL)
    away = expected_of(post, pictured=False)
    assert away.contents == {content_mark("words", "a" * 32), content_mark("words", None)}
    assert away.targets == {Target.POSTS, Target.TEXTS}
    assert expected_of(replace(post, text=""), pictured=False).targets == set()


def test_a_long_text_is_stored_as_a_digest():
    assert stored(None, 4) is None and stored("abcd", 4) == "abcd"
    long = {str(stored(text, 4)) for text in ("abcde", "ééé", "abcdf")}
    assert len(long) == 3 and all(len(text) == 32 for text in long)


def _raw(text=None, image=None):
    from training.space import RawPost

    return RawPost(text, image)


def test_vectors_of_stored_posts_have_nothing_where_a_post_has_nothing(events):
    from recsys.stored import embedded

    found = embedded(EncodingSpace(), [_raw("a"), _raw(image=b"b" * 9)])
    assert np.isnan(found[Target.IMAGES][0]).all() and np.isnan(found[Target.TEXTS][1]).all()
    assert np.linalg.norm(found[Target.POSTS], axis=1) == pytest.approx(1, abs=1e-5)
