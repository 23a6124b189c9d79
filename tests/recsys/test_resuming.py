"""Builds that are cut short and go on, are slowed, and end with what changed meanwhile."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.config import IndexConfig
from recsys.drift import drift
from recsys.events.records import Person, Post, Reaction
from recsys.index import build_index
from recsys.later_posts import no_posts, with_later_posts
from recsys.marks import content_mark
from recsys.pace import Pace
from recsys.versions import Target
from tests.recsys.encoding import EncodingSpace, picture
from tests.recsys.world import BEGINNING, ProjectionSpace, open_events, open_store
from training.errors import BadConfig
from training.space import RawPost

POSTS = [
    Post(f"p{i:02d}", f"person{i % 5}", f"Post {i}", ("all",), BEGINNING, private=i % 10 == 9)
    for i in range(40)
]
PUBLIC = sum(not post.private for post in POSTS)


class Killed(BaseException):
    """Nothing catches it, as nothing catches a SIGKILL."""


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        events.add_posts(POSTS)
        events.add_reactions([Reaction(f"fan{i}", f"p{i:02d}", "like") for i in range(5)])
        events.add_people([Person("newcomer", "I like birds"), Person("nobody")])
        yield events


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path, batch_size=7) as store:
        yield store


def build(events, store, model="1", space=None, **options):
    space = space or EncodingSpace()
    table, contents = with_later_posts(space, no_posts(space), events)
    return build_index(space, table, store, events, model, contents=contents, **options)


def cut_short(events, store, after: int, monkeypatch, **options) -> None:
    """Kill a build after so many requests that write rows."""
    left, milvus = after, store._milvus
    called = type(milvus).__call__

    def counted(self, method, *args, **kwargs):
        nonlocal left
        if method in ("insert", "upsert") and "weights" not in args[0]:
            if left == 0:
                raise Killed
            left -= 1
        return called(self, method, *args, **kwargs)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(type(milvus), "__call__", counted)
        build(events, store, **options)


def everything(view) -> dict[Target, dict[str, np.ndarray]]:
    found = {}
    for target in Target:
        ids = [id for part in view.ids(target) for id in part]
        assert len(ids) == len(set(ids)) == view.count(target)
        found[target] = view.fetch(target, ids)
    return found


@pytest.mark.parametrize("after", [0, 1, 5, 8, 12, 14])
def test_a_build_goes_on_to_what_an_uncut_one_makes(events, store, monkeypatch, after):
    whole = build(events, store, "0")
    expected = everything(store.live())
    cut_short(events, store, after, monkeypatch)
    assert store.live().version == whole.version
    report = build(events, store)
    assert report.counts == whole.counts and report.changed == 0
    assert report.version.build == whole.version.build + 1
    # texts come first, then the posts, the people and the newcomer
    assert report.resumed == max(0, min(PUBLIC, 7 * (after - 6))) + max(
        0, min(10, 7 * (after - 12))
    )
    assert not drift(events, store.live(), deep=True)
    found = everything(store.live())
    for target in Target:
        assert found[target].keys() == expected[target].keys()
        assert all(found[target][id] == pytest.approx(expected[target][id]) for id in found[target])


def test_what_changed_while_a_build_lay_cut_short_is_embedded_again(events, store, monkeypatch):
    cut_short(events, store, 12, monkeypatch)
    events.put_post(replace(POSTS[0], text="Other words"))
    events.put_post(replace(POSTS[1], text=None, image_hash="a" * 32), picture())
    events.put_post(replace(POSTS[2], tags=("new",)))
    events.put_post(replace(POSTS[3], private=True))
    events.delete_post("p04")
    events.put_post(Post("new", "person0", "News"))
    space = EncodingSpace()
    report = build(events, store, space=space)
    assert report.resumed > 0
    view = store.live()
    assert not drift(events, view, deep=True)
    found = everything(view)
    other = space.embed_texts(space.features([RawPost("Other words")]).text)[0]
    assert found[Target.TEXTS]["p00"] == pytest.approx(other, abs=1e-6)
    assert "p01" in found[Target.IMAGES] and "p01" not in found[Target.TEXTS]
    assert {"p03", "p04"}.isdisjoint(found[Target.POSTS]) and "new" in found[Target.POSTS]


def test_what_is_written_while_a_build_runs_is_in_it_as_it_was_written_last(events, store):
    class Slow(EncodingSpace):
        def embed_posts(self, posts):
            if len(posts) > 5 and "late" not in events.visibility():
                events.put_post(replace(POSTS[0], text="Other words"))
                events.put_post(Post("late", "person1", "Late news"))
                events.delete_post("p10")
                events.delete_person("fan0")
            return super().embed_posts(posts)

    space = Slow()
    report = build(events, store, space=space)
    view = store.live()
    assert report.changed >= 2
    assert not drift(events, view, deep=True)
    assert view.fetch(Target.POSTS, ["late", "p10"]).keys() == {"late"}
    other = space.embed_texts(space.features([RawPost("Other words")]).text)[0]
    assert view.fetch(Target.TEXTS, ["p00"])["p00"] == pytest.approx(other, abs=1e-6)


def test_features_of_content_that_was_written_over_are_not_kept(events, store):
    """As of data that was read before the API wrote: the marks tell what the features are of."""
    space = EncodingSpace()
    table, contents = with_later_posts(space, no_posts(space), events)
    events.put_post(replace(POSTS[0], text="Other words"))
    report = build_index(space, table, store, events, "1", contents=contents)
    assert report.changed == 1
    assert not drift(events, store.live(), deep=True)
    assert contents["p00"] == content_mark("Post 0", None)


def test_towers_without_encoders_leave_what_they_can_not_read(events, store):
    space = EncodingSpace()
    table, contents = with_later_posts(space, no_posts(space), events)
    events.put_post(replace(POSTS[0], text="Other words"))
    events.delete_post("p01")
    report = build_index(ProjectionSpace(), table, store, events, "1", contents=contents)
    assert report.changed == 0
    assert drift(events, store.live(), deep=True).to_embed == ("p00",)


@pytest.mark.parametrize("other", ["model", "dimension", "anew"])
def test_what_does_not_fit_is_begun_anew(events, store, monkeypatch, other):
    cut_short(events, store, 12, monkeypatch)
    model, space = "2" if other == "model" else "1", EncodingSpace()
    if other == "dimension":
        space = EncodingSpace(dimension=8)
    report = build(events, store, model, space, resume=other != "anew")
    assert report.resumed == 0
    assert [version.model for version in store.versions()] == [model]
    names = store._milvus("list_collections")
    assert len(names) == 5  # of the version in use; of the other nothing is left


def test_a_build_whose_collections_are_not_all_there_is_begun_anew(events, store, monkeypatch):
    def cut(*_, **__):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr("recsys.build.Build.view", cut)
        patch.setattr("recsys.versions.Names.begun", cut)
        build(events, store)
    assert build(events, store).resumed == 0


def test_people_of_another_history_are_placed_again(events, store, monkeypatch):
    cut_short(events, store, 14, monkeypatch)
    before = events.seen_by("fan0")
    events.add_reactions([Reaction("fan0", "p20", "like")])
    report = build(events, store)
    assert report.resumed < len(everything(store.live())[Target.USERS]) + PUBLIC
    liked = store.live().fetch(Target.POSTS, [*before, "p20"])
    mean = np.sum(list(liked.values()), axis=0)
    found = store.live().fetch(Target.USERS, ["fan0"])["fan0"]
    assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_a_slowed_build_takes_its_time(events, tmp_path, monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr(Pace.__init__, "__defaults__", (lambda: sum(slept), slept.append))
    with open_store(tmp_path, rows_per_s=2.0) as store:
        report = build(events, store)
    rows = report.counts[Target.POSTS] + report.counts[Target.USERS]
    assert sum(slept) == pytest.approx(rows / 2)


def test_waiting_beats_and_earns_no_hurry():
    now, beats = [0.0], []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(1.0, lambda: beats.append(now[0]), clock=lambda: now[0], sleep=sleep)
    pace(100)
    assert now[0] == 100 and len(beats) == 4 and max(np.diff([0, *beats])) <= 30
    now[0] += 1000
    pace(5)
    assert now[0] == 1105
    Pace(None, lambda: beats.append(-1))(10**9)
    assert -1 not in beats


def test_a_pace_must_be_one():
    with pytest.raises(BadConfig, match="rows_per_s"):
        IndexConfig.parse({"rows_per_s": 0})
