import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from recsys.config import EventsConfig
from recsys.events.asking_reactions import Liked
from recsys.events.database import Events
from recsys.events.pictures import StoredPicture
from recsys.events.records import Person, Post, Reaction
from tests.recsys.world import BEGINNING, fill, open_events, small_world
from training.errors import BadConfig, Conflict, NotFound, Unavailable


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        yield events


def at(hours: float) -> datetime:
    return BEGINNING + timedelta(hours=hours)


def test_posts_come_back_as_they_were(events):
    when = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    post = Post("p", "ann", "Text ‘é’\n", ("b", "a"), when, "en", False, "ab" * 16)
    bare = Post("q", "ann")
    assert events.add_posts([post, bare]) == 2
    assert events.posts(["p", "q", "absent"]) == {"p": post, "q": bare}
    assert events.posts(["p"])["p"].created_at.tzinfo is UTC
    assert events.person("ann") == Person("ann")
    assert events.people() == ["ann"]


def test_a_time_without_a_zone_is_refused(events):
    with pytest.raises(Exception, match="no zone"):
        events.add_posts([Post("p", "ann", created_at=datetime(2026, 1, 1))])


def test_posts_of_a_person_latest_first_undated_last(events):
    events.add_posts(
        [
            Post("old", "ann", created_at=at(1)),
            Post("undated", "ann"),
            Post("new", "ann", created_at=at(2), private=True),
            Post("other", "bob", created_at=at(3)),
        ]
    )
    assert [post.post_id for post in events.posts_of("ann")] == ["new", "old", "undated"]
    public = events.public_posts_of(["ann", "bob", "cid"], 1)
    assert {user: [post.post_id for post in posts] for user, posts in public.items()} == {
        "ann": ["old"],
        "bob": ["other"],
        "cid": [],
    }
    assert events.visibility() == {"old": True, "undated": True, "new": False, "other": True}


def test_a_reaction_that_is_sent_twice_counts_once(events):
    like = Reaction("ann", "p", "like", None, at(1))
    events.add_reactions([like, like])
    events.add_reactions([like, Reaction("ann", "p", "view", None, at(1))])
    assert [one.kind for one in events.reactions_of("ann")].count("like") == 1
    assert len(events.reactions_of("ann")) == 2
    assert events.seen_by("ann") == {"p"}
    same_moment = like.created_at.astimezone(timezone(timedelta(hours=5)))
    events.add_reactions([Reaction("ann", "p", "like", None, same_moment)])
    assert len(events.reactions_of("ann")) == 2


def test_a_private_post_stays_private_whatever_is_imported(events):
    events.add_posts([Post("p", "ann", "secret", private=True)])
    events.add_posts([Post("p", "ann", "secret, edited", private=False)])
    assert events.posts(["p"])["p"] == Post("p", "ann", "secret, edited", private=True)
    events.add_posts([Post("q", "ann")])
    events.add_posts([Post("q", "ann", private=True)])
    assert events.posts(["q"])["q"].private


def test_nobody_takes_over_a_post(events):
    events.add_posts([Post("p", "ann", "mine")])
    with pytest.raises(Conflict, match="'ann'"):
        events.add_posts([Post("x", "bob"), Post("p", "bob", "now mine")])
    assert events.posts(["p", "x"]) == {"p": Post("p", "ann", "mine")}
    assert events.people() == ["ann"]


def test_a_deleted_post_stays_deleted(events, tmp_path):
    world = small_world()
    fill(events, world)
    events.delete_post("post/008")
    fill(events, world)
    assert events.posts(["post/008"]) == {}
    assert "post/008" not in events.seen_by("person0")
    with pytest.raises(NotFound):
        events.delete_post("post/008")
    events.close()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"post/008" not in kept and b"post/009" in kept


def test_a_deleted_person_stays_deleted_with_all_they_did(events):
    world = small_world()
    fill(events, world)
    gone, reactions = events.delete_person("person1")
    assert reactions == 6
    assert gone == [f"post/{i:03d}" for i in range(8, 16)]
    fill(events, world)
    events.add_people([Person("person1", "back again")])
    assert "person1" not in events.people()
    assert not events.posts(gone)
    assert events.reactions_of("person1") == []
    assert events.reactions_of("person0") == []  # all were to posts of person1
    with pytest.raises(NotFound):
        events.person("person1")


def test_an_unknown_person_is_told_the_nearest(events):
    events.add_people([Person(f"person{i}") for i in range(3)] + [Person("zoe")])
    with pytest.raises(NotFound, match="did you mean person"):
        events.person("persn1")
    with pytest.raises(NotFound, match="did you mean zoe"):
        events.person("Zoe")
    for bad in ("", "x" * 500, "a'b", "\ud800", "a\0b", "per%"):
        with pytest.raises(NotFound):
            events.person(bad)


def test_profiles_are_kept_when_nothing_new_is_said(events):
    events.add_people([Person("ann", "paints")])
    events.add_people([Person("ann")])
    assert events.person("ann") == Person("ann", "paints")
    events.add_people([Person("ann", "draws")])
    assert events.person("ann").profile == "draws"
    assert events.known(["ann", "bob"]) == {"ann"}


def test_fresh_and_popular_are_public_and_leave_out_the_excluded(events):
    fill(events, small_world())
    fresh = events.fresh(5, {"post/046"})
    assert fresh == ["post/045", "post/044", "post/043", "post/042", "post/041"]
    popular = events.popular(["like"], 100, {"post/000"})
    assert popular == sorted(f"post/{p * 8 + n:03d}" for p in range(6) for n in (0, 1))[1:]
    events.add_reactions([Reaction("zoe", "post/017", "like")])
    assert events.popular(["like"], 1) == ["post/017"]
    assert events.popular(["share"], 9) == []


def test_the_table_of_reactions_is_what_histories_read(events):
    world = small_world()
    fill(events, world)
    table = events.reactions_table()
    assert table.column_names == ["user_id", "post_id", "kind", "value"]
    assert len(table) == len(world.reactions)
    assert {tuple(row.values())[:3] for row in table.to_pylist()} == {
        (one.user_id, one.post_id, one.kind) for one in world.reactions
    }


def test_only_one_at_a_time_holds_a_lease(events, tmp_path):
    with open_events(tmp_path) as other:
        with events.hold("index") as lease:
            with pytest.raises(Conflict, match="is doing this already: index"), other.hold("index"):
                pass
            with other.hold("something else"):
                lease.renew()
        with other.hold("index"), pytest.raises(Conflict, match="taken over"):
            lease.renew()


def test_a_lease_of_a_dead_process_is_free_at_once(events, tmp_path):
    import subprocess
    import sys

    program = (
        "import os, pathlib, signal\n"
        "from recsys.config import EventsConfig\n"
        "from recsys.events.database import Events\n"
        f"events = Events(EventsConfig(), pathlib.Path({str(tmp_path)!r}))\n"
        "events.hold('index').__enter__()\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == -9
    with events.hold("index"):
        pass


def test_threads_write_and_read_without_losing_anything(events):
    def write(user: str) -> None:
        for number in range(20):
            events.add_reactions([Reaction(user, f"p{number}", "like")])
            events.seen_by(user)

    threads = [threading.Thread(target=write, args=(f"u{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(events.reactions_table()) == 80


def test_a_bad_place_says_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(BadConfig, match="neither a file nor a URL"):
        Events(EventsConfig(url="://"), tmp_path)
    with pytest.raises(BadConfig, match="no driver"):
        Events(EventsConfig(url="nosuch://host/x"), tmp_path)
    with pytest.raises(BadConfig, match="must not hold a password"):
        EventsConfig.parse({"url": "postgresql+psycopg://me:secret@host/x"})
    (tmp_path / "dir.db").mkdir()
    with pytest.raises(Unavailable, match="can't open"):
        Events(EventsConfig(url="dir.db"), tmp_path)


def test_outlines_are_the_posts_without_texts(events):
    world = small_world()
    fill(events, world)
    ids = [*(post.post_id for post in world.posts), "nobody's"]
    plain = {id: replace(post, text=None) for id, post in events.posts(ids).items()}
    assert events.outlines(ids) == plain
    assert len(plain) == len(world.posts)


def test_what_people_approved_of_lately(events):
    events.add_posts([Post(f"p{n}", "zoe", private=n == 3) for n in range(6)])
    events.add_reactions(
        [
            *(Reaction("ann", f"p{n}", "like", None, at(n)) for n in range(5)),
            Reaction("ann", "p0", "save", None, at(9)),  # the last approval counts
            Reaction("bob", "p0", "rate", 3.0, at(1)),
            Reaction("bob", "p1", "rate", 3.5),
            Reaction("bob", "p2", "like", 0.0, at(1)),
            Reaction("bob", "p4", "like", 2.0, at(1)),
            Reaction("bob", "unknown", "like", None, at(1)),
            Reaction("bob", "p5", "hide", None, at(1)),
        ]
    )
    liked = events.liked_by(["bob", "ann", "nobody"], ["like", "save", "rate"], 3, {"rate": 3.5})
    assert liked == [
        Liked("ann", "p0", at(9)),
        Liked("ann", "p4", at(4)),
        Liked("ann", "p2", at(2)),
        Liked("bob", "p4", at(1)),
        Liked("bob", "p1", None),
    ]
    assert events.liked_by(["bob"], ["hide"], 1) == [Liked("bob", "p5", at(1))]
    assert events.liked_by([], ["like"], 3) == events.liked_by(["bob"], [], 3) == []


def test_categories_and_profile_pictures_are_kept(events):
    post = Post("p", "ann", "x", ("a",), category="birds")
    events.add_posts([post])
    assert events.posts(["p"]) == {"p": post}
    events.put_post(replace(post, category=None))
    assert events.outlines(["p"])["p"].category is None
    events.add_people([Person("ann", "paints", "aa"), Person("bob", None, "bb")])
    events.add_pictures({hash: StoredPicture("image/png", b"x") for hash in ("aa", "bb", "cc")})
    assert events.pictures(["aa", "bb", "cc"]).keys() == {"aa", "bb"}  # nobody shows the last
    events.add_people([Person("ann")])
    assert events.person("ann") == Person("ann", "paints", "aa")
    assert events.lacking_pictures(["aa", "dd"]) == set()
    events.add_people([Person("ann", None, "dd")])
    assert events.person("ann") == Person("ann", "paints", "dd")
    assert events.lacking_pictures(["aa", "dd"]) == {"dd"}
    events.delete_person("bob")
    assert not events.pictures(["aa", "bb"])
