"""Writing and deleting while the index serves, and what is found out of step afterwards."""

import numpy as np
import pytest

from recsys.erase import Erased, erase_person, erase_post
from recsys.events.records import Post, Reaction
from recsys.live import Drift, drift, put_posts, remove_extra
from recsys.recommend import Recommender
from recsys.versions import Target
from tests.recsys.world import BEGINNING, open_events, open_store, publish, unit_rows
from training.errors import BadData, CommonspaceError, Gone, NotFound, Unavailable

ROWS = unit_rows(8)
POSTS = [
    Post(f"p{i}", "ann" if i < 3 else "bob", f"Post {i}", created_at=BEGINNING) for i in range(6)
]
IDS = [post.post_id for post in POSTS]
ALL = (Target.POSTS, Target.IMAGES, Target.TEXTS)


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        events.add_posts(POSTS)
        yield events


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        people = {"ann": ROWS[6], "bob": ROWS[7]}
        for model in "12":
            publish(store, model, dict(zip(POSTS, ROWS[:6], strict=True)), people)
        yield store


def rows(count: int = 1, **present: bool) -> dict[Target, np.ndarray]:
    """Vectors of a written post; of an absent modality, NaN."""
    found = {target: unit_rows(count, seed=9) for target in ALL}
    for target in ALL:
        if not present.get(target.value, True):
            found[target] = np.full_like(found[target], np.nan)
    return found


def write(events, store, post: Post, **present: bool) -> dict[Target, np.ndarray]:
    events.put_post(post)
    vectors = rows(**present)
    put_posts(events, store, store.live().version, [post], vectors)
    return vectors


def test_a_written_post_is_found_at_once(events, store):
    post = Post("new", "cid", "News", created_at=BEGINNING)
    vectors = write(events, store, post, images=False)
    view = store.live()
    assert view.fetch(Target.POSTS, ["new"])["new"] == pytest.approx(vectors[Target.POSTS][0])
    assert set(view.fetch(Target.TEXTS, ["new"])) == {"new"}
    assert view.fetch(Target.IMAGES, ["new"]) == {}
    place = Recommender(store, events).place_of_post("new", view)
    found = Recommender(store, events).nearest([place], Target.POSTS, 9, view=view)
    assert found[0].id == "new" and found[0].author == "cid"
    assert not drift(events, view)
    assert events.unindexed() == {}


def test_writing_again_replaces_and_changes_nothing_else(events, store):
    before = store.live().count(Target.POSTS)
    for _ in range(2):
        write(events, store, Post("p0", "ann", "Other words", created_at=BEGINNING), images=False)
    view = store.live()
    assert view.count(Target.POSTS) == before
    assert view.fetch(Target.IMAGES, ["p0", "p1"]).keys() == {"p1"}
    assert events.posts(["p0"])["p0"].text == "Other words"


def test_another_version_loses_what_it_has_as_it_was_before(events, store):
    write(events, store, Post("p0", "ann", "Other words", created_at=BEGINNING))
    store.rollback()
    view = store.live()
    assert view.fetch(Target.POSTS, ["p0", "p1"]).keys() == {"p1"}
    assert drift(events, view) == Drift(("p0",), (), ())


def test_a_death_between_database_and_index_shows_and_can_be_mended(events, store):
    """Of a new post and of one that was written over, whose id is in the index already."""
    written = [
        Post("new", "ann", "News", created_at=BEGINNING),
        Post("p4", "bob", "Other words", created_at=BEGINNING),
    ]
    for post in written:
        events.put_post(post)
    view = store.live()
    assert drift(events, view) == Drift(("new", "p4"), (), ())
    missing = drift(events, view).missing
    posts = events.posts(missing)
    put_posts(events, store, view.version, [posts[id] for id in missing], rows(2))
    assert not drift(events, view)
    assert view.fetch(Target.POSTS, ["p4"])["p4"] == pytest.approx(rows(2)[Target.POSTS][1])


def test_an_earlier_writing_never_covers_a_later_one(events, store):
    first, second = (Post("p0", "ann", text, created_at=BEGINNING) for text in ("one", "two"))
    events.put_post(first)
    events.put_post(second)
    version = store.live().version
    put_posts(events, store, version, [second], rows())
    put_posts(events, store, version, [first], {t: -rows()[t] for t in ALL})  # came late
    found = store.live().fetch(Target.POSTS, ["p0"])["p0"]
    assert found == pytest.approx(rows()[Target.POSTS][0])
    assert not drift(events, store.live())
    events.put_post(first)
    put_posts(events, store, version, [second], rows())  # and one that was overtaken
    assert drift(events, store.live()).missing == ("p0",)


def test_what_was_hidden_or_deleted_meanwhile_is_not_indexed(events, store):
    posts = [Post(id, "ann", "x", created_at=BEGINNING) for id in ("hidden", "gone", "kept")]
    for post in posts:
        events.put_post(post)
    events.put_post(Post("hidden", "ann", "x", created_at=BEGINNING, private=True))
    events.delete_post("gone")
    put_posts(events, store, store.live().version, posts, rows(3))
    assert store.live().fetch(Target.POSTS, ["hidden", "gone", "kept"]).keys() == {"kept"}
    assert not drift(events, store.live())
    assert events.unindexed() == {}


def test_a_broken_vector_is_refused(events, store):
    post = Post("new", "ann", "x", created_at=BEGINNING)
    events.put_post(post)
    with pytest.raises(BadData, match="length 2"):
        put_posts(events, store, store.live().version, [post], {Target.POSTS: 2 * unit_rows(1)})


def test_a_deleted_post_is_gone_from_every_version(events, store):
    events.add_reactions([Reaction("ann", "p4", "like"), Reaction("cid", "p4", "hide")])
    assert erase_post(events, store, "p4") == Erased("p4", ("p4",), 2)
    for version in store.versions():
        for target in ALL:
            assert set(store.open(version).fetch(target, IDS)) == set(IDS) - {"p4"}
    with pytest.raises(NotFound):
        erase_post(events, store, "p4")
    with pytest.raises(Gone, match="deleted for good"):
        events.put_post(POSTS[4])


def test_a_deleted_person_is_gone_with_all_that_they_did(events, store):
    events.add_reactions([Reaction("bob", "p0", "like"), Reaction("ann", "p3", "like")])
    assert erase_person(events, store, "bob") == Erased("bob", ("p3", "p4", "p5"), 2)
    for version in store.versions():
        view = store.open(version)
        assert set(view.fetch(Target.POSTS, IDS)) == {"p0", "p1", "p2"}
        assert set(view.fetch(Target.USERS, ["ann", "bob"])) == {"ann"}
        assert not drift(events, view)
    with pytest.raises(NotFound):
        erase_person(events, store, "bob")
    with pytest.raises(Gone):
        events.put_post(Post("again", "bob", "x"))


def test_a_deletion_holds_while_the_index_is_away(events, store, monkeypatch):
    def away(*_, **__):
        raise Unavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(store, "remove", away)
        with pytest.raises(Unavailable):
            erase_person(events, store, "bob")
    view = store.live()
    recommender = Recommender(store, events)
    found = [*recommender.recommend("ann", 9), *recommender.related("p0", 9)]
    assert all(one.author != "bob" for one in found)
    assert recommender.similar("ann", 9) == []
    left = drift(events, view)
    assert left == Drift((), ("p3", "p4", "p5"), ("bob",))
    remove_extra(left, store)
    assert all(not drift(events, store.open(version)) for version in store.versions())


def test_a_private_post_in_the_index_is_too_many(events, store):
    events.put_post(Post("p0", "ann", "x", private=True))
    assert drift(events, store.live()) == Drift((), ("p0",), ())
    events.put_post(Post("p0", "ann", "x", private=False))  # its author may publish it again
    assert drift(events, store.live()).missing == ("p0",)
    events.add_posts([Post("p0", "ann", "x", private=True)])
    events.add_posts([Post("p0", "ann", "x", private=False)])  # an import may not
    assert drift(events, store.live()).extra == ("p0",)


def test_drift_reads_more_than_one_page(tmp_path, monkeypatch):
    monkeypatch.setattr("recsys.view._LISTED_AT_ONCE", 7)
    posts = [Post(f"p{i:02d}", "ann") for i in range(40)]
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        publish(store, "1", dict(zip(posts, unit_rows(40), strict=True)))
        events.add_posts([*posts[5:], Post("new", "ann")])
        found = drift(events, store.live())
        assert found == Drift(("new",), tuple(post.post_id for post in posts[:5]), ())


def test_gone_is_an_error_of_its_own():
    assert issubclass(Gone, CommonspaceError)
    assert (Gone.http_status, Gone.exit_code) == (410, 9)
