import pytest

from recsys.events.boundaries import Boundaries, BoundaryKind
from recsys.events.records import Post
from tests.recsys.world import open_events
from training.errors import BadData, Gone


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        yield events


def test_boundaries_are_set_and_taken_back(events):
    put = events.boundaries.put
    assert put("ann", BoundaryKind.MUTED_AUTHOR, "bob")
    assert not put("ann", BoundaryKind.MUTED_AUTHOR, "bob")
    assert put("ann", BoundaryKind.MUTED_TAG, " cats & 'dogs' ")
    assert put("ann", BoundaryKind.BLOCKED, "cid")
    assert put("dan", BoundaryKind.BLOCKED, "ann")
    assert put("ann", BoundaryKind.HIDDEN, "post/1")
    found = events.boundaries.of("ann")
    assert found == Boundaries(
        muted_authors=frozenset({"bob"}),
        muted_tags=frozenset({"cats & 'dogs'"}),
        blocked=frozenset({"cid"}),
        blocked_by=frozenset({"dan"}),
        hidden=frozenset({"post/1"}),
    )
    assert found.authors == {"bob", "cid", "dan"}
    assert found.people == {"cid", "dan"}
    assert events.boundaries.of("cid").authors == {"ann"}
    assert events.boundaries.remove("ann", BoundaryKind.HIDDEN, "post/1")
    assert not events.boundaries.remove("ann", BoundaryKind.HIDDEN, "post/1")
    assert events.boundaries.of("ann").hidden == frozenset()
    assert events.boundaries.of("nobody") == Boundaries()


@pytest.mark.parametrize(
    ("user", "kind", "target"),
    [
        ("ann", BoundaryKind.BLOCKED, "ann"),
        ("ann", BoundaryKind.MUTED_AUTHOR, "no'body"),
        ("", BoundaryKind.HIDDEN, "p"),
        ("ann", BoundaryKind.HIDDEN, "x" * 129),
        ("ann", BoundaryKind.MUTED_TAG, " "),
        ("ann", BoundaryKind.MUTED_TAG, "x" * 201),
        ("ann", BoundaryKind.MUTED_TAG, "a\0b"),
    ],
)
def test_what_can_be_no_boundary_is_refused(events, user, kind, target):
    with pytest.raises(BadData):
        events.boundaries.put(user, kind, target)


def test_boundaries_go_with_the_people_and_posts_they_are_about(events, tmp_path):
    events.add_posts([Post("p/gone", "gone", "x"), Post("q/gone", "bob", "x"), Post("r", "bob")])
    put = events.boundaries.put
    put("gone", BoundaryKind.BLOCKED, "bob")
    put("bob", BoundaryKind.BLOCKED, "gone")
    put("bob", BoundaryKind.MUTED_AUTHOR, "gone")
    put("bob", BoundaryKind.MUTED_TAG, "gone")
    put("bob", BoundaryKind.HIDDEN, "p/gone")
    put("cid", BoundaryKind.HIDDEN, "q/gone")
    put("cid", BoundaryKind.HIDDEN, "r")
    events.delete_post("q/gone")
    events.delete_person("gone")
    assert events.boundaries.of("bob") == Boundaries(muted_tags=frozenset({"gone"}))  # a tag
    assert events.boundaries.of("cid") == Boundaries(hidden=frozenset({"r"}))
    with pytest.raises(Gone):
        put("bob", BoundaryKind.BLOCKED, "gone")
    with pytest.raises(Gone):
        put("gone", BoundaryKind.MUTED_TAG, "x")
    with pytest.raises(Gone):
        put("cid", BoundaryKind.HIDDEN, "p/gone")
    events.boundaries.remove("bob", BoundaryKind.MUTED_TAG, "gone")
    events.close()
    assert b"gone" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
