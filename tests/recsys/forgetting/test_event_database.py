"""Rows and their remains, on SQLite and on a real Postgres where there is one."""

import sqlite3
from contextlib import closing

import pytest

from recsys.events.engine import open_engine
from recsys.events.records import Post, Reaction
from recsys.forgetting.keepers.event_database import EventDatabase
from recsys.forgetting.needles import id_needles
from recsys.forgetting.search import search_folder
from recsys.forgetting.subject import person
from recsys.forgetting.tombstones import all_tombstones, bury, write_list
from tests.recsys.events.conftest import Place, place, postgres  # noqa: F401
from training.data.forgotten import FILE, Forgotten

WHO = "someone-special"


def fill(place: Place) -> None:  # noqa: F811
    posts = [Post(f"post-{n}", f"user{n % 7}", "x" * (n % 90)) for n in range(300)]
    theirs = [Post(f"theirs-{n}", WHO, f"secret {n}" * 9) for n in range(60)]
    with place.open() as events:
        for part in range(10):  # among the others' rows
            events.add_posts([*posts[part::10], *theirs[part::10]])
        events.add_reactions([Reaction(WHO, post.post_id, "like") for post in posts])


def test_rows_go_and_what_they_leave(place: Place) -> None:  # noqa: F811
    fill(place)
    engine = open_engine(place.config, place.folder)
    keeper = EventDatabase(engine)
    subject = person(WHO).with_more(posts=[f"theirs-{n}" for n in range(60)])
    assert {hit.place for hit in keeper.holds(subject)} >= {
        "event database, posts.user_id",
        "event database, reactions.user_id",
    }
    bury(engine, [subject.digest])
    erased = keeper.erase(subject)
    assert erased.counts == {"posts": 60, "reactions": 300}
    assert not any(left.blocks for left in erased.left)
    assert keeper.holds(subject) == [] and not keeper.erase(subject).counts
    with place.open() as events:
        assert len(events.visibility()) == 300
    assert subject.tombstones == all_tombstones(engine)
    assert write_list(engine, place.folder) == 61
    assert Forgotten.read(place.folder / FILE).person(WHO)
    engine.dispose()
    if place.is_sqlite:
        assert search_folder(place.folder, id_needles(subject.ids)) == []


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_a_reader_that_stays_keeps_the_log(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr("recsys.events.engine._BUSY_S", 0.2)
    fill(place)
    engine = open_engine(place.config, place.folder)
    with closing(sqlite3.connect(place.folder / "events.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM posts").fetchone()
        erased = EventDatabase(engine).erase(person(WHO))
        assert [left.blocks for left in erased.left] == [True]
    assert EventDatabase(engine).erase(person(WHO)).left == ()
    engine.dispose()
    assert search_folder(place.folder, id_needles([WHO])) == []
