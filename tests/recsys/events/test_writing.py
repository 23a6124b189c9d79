"""Writing one thing at a time while people wait: posts, reactions with keys, and sums."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.events.listing import Counts
from recsys.events.records import Post, Reaction
from recsys.events.writing import Reacted
from tests.recsys.world import BEGINNING, fill, open_events, small_world
from training.errors import Conflict, Gone

LIKE = Reaction("ann", "p", "like", None, BEGINNING)


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        yield events


def test_a_post_is_created_once_and_then_replaced(events):
    assert events.put_post(Post("p", "ann", "one"))
    assert not events.put_post(Post("p", "ann", "two", ("x",)))
    assert events.posts(["p"]) == {"p": Post("p", "ann", "two", ("x",))}
    assert events.people() == ["ann"]
    with pytest.raises(Conflict, match="'ann'"):
        events.put_post(Post("p", "bob", "mine now"))
    assert events.people() == ["ann"]


def test_only_its_author_publishes_a_private_post(events):
    events.put_post(Post("p", "ann", "draft", private=True))
    events.add_posts([Post("p", "ann", "draft")])
    assert events.posts(["p"])["p"].private
    events.put_post(Post("p", "ann", "done"))
    assert not events.posts(["p"])["p"].private


def test_what_was_deleted_for_good_is_not_written_again(events):
    events.put_post(Post("p", "ann", "one"))
    events.put_post(Post("q", "ann", "two"))
    events.delete_post("p")
    with pytest.raises(Gone, match="'p'"):
        events.put_post(Post("p", "bob", "three"))
    events.delete_person("ann")
    with pytest.raises(Gone):
        events.put_post(Post("r", "ann", "four"))
    assert events.people() == [] and events.unindexed() == {}


def test_a_mark_stays_until_the_index_has_the_last_writing(events):
    events.put_post(Post("p", "ann", "one"))
    first = events.unindexed(["p", "q"])
    events.put_post(Post("p", "ann", "two"))
    events.indexed(first)
    last = events.unindexed()
    assert last.keys() == {"p"} and last != first
    events.indexed(last)
    assert events.unindexed() == {}
    events.put_post(Post("p", "ann", "three"))
    events.put_post(Post("p", "ann", "three", private=True))
    assert events.unindexed() == {}


def test_a_key_makes_a_reaction_count_once(events):
    later = Reaction("ann", "p", "like")
    assert events.react([LIKE, later], ["k", "k"]) == Reacted(1, 1, 0)
    assert events.react([later], ["k"]) == Reacted(0, 1, 0)
    assert events.react([later], ["other"]) == Reacted(1, 0, 0)
    assert events.react([Reaction("bob", "p", "like")], ["k"]) == Reacted(1, 0, 0)  # bob's own key
    assert events.react([LIKE]) == Reacted(1, 0, 0)  # without a key, what it says decides
    assert events.react([LIKE], [None]) == Reacted(0, 1, 0)
    assert len(events.reactions_of("ann")) == 3


def test_reactions_of_the_deleted_are_refused_and_those_to_the_unknown_kept(events):
    events.put_post(Post("p", "ann", "x"))
    events.put_post(Post("q", "bob", "x"))
    events.delete_post("p")
    events.delete_person("bob")
    batch = [LIKE, Reaction("bob", "r", "like"), Reaction("ann", "not/yet/there", "like")]
    assert events.react(batch, ["a", "b", "c"]) == Reacted(1, 0, 2)
    assert events.seen_by("ann") == {"not/yet/there"}
    assert events.people() == ["ann"]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("pq"), st.none() | st.sampled_from("xyz")),
        max_size=20,
    ),
    st.integers(0, 20),
)
@settings(max_examples=30, deadline=None)
def test_however_reactions_are_cut_and_sent_again_each_counts_once(tmp_path_factory, rows, cut):
    batch = [Reaction(user, post, "like") for user, post, _ in rows]
    keys = [key for _, _, key in rows]
    once = {(user, key) if key else (user, post, None) for user, post, key in rows}
    with open_events(tmp_path_factory.mktemp("reactions")) as events:
        sent = [(batch[:cut], keys[:cut]), (batch[cut:], keys[cut:]), (batch, keys)]
        done = [events.react(*part) for part in sent]
        assert sum(one.recorded for one in done) == len(once)
        assert sum(one.recorded + one.repeated for one in done) == 2 * len(batch)
        assert len(events.reactions_table()) == len(once)


def test_people_come_by_how_much_they_show(events):
    events.add_posts(
        [
            Post("1", "ann", "x"),
            Post("2", "ann", "x"),
            Post("3", "bob", "x"),
            Post("4", "bob", "x", private=True),
            Post("5", "a_b", "x"),
            Post("6", "zoe", "x", private=True),
        ]
    )
    events.add_reactions([Reaction("anton", "1", "like")])
    everyone = [("ann", 2), ("a_b", 1), ("bob", 1), ("anton", 0), ("zoe", 0)]
    assert events.users_page("", 0, 10) == everyone
    assert [one for at in range(5) for one in events.users_page("", at, 1)] == everyone
    assert events.users_page("an", 0, 10) == [("ann", 2), ("anton", 0)]
    assert events.users_page("a_", 0, 10) == [("a_b", 1)]  # no wildcard
    assert events.users_page("%", 0, 10) == []
    assert events.users_page("a'", 0, 10) == []


def test_all_is_counted(events):
    assert events.counts() == Counts(0, 0, 0, 0)
    world = small_world()
    fill(events, world)
    assert events.counts() == Counts(6, 42, 6, 18)


def test_several_processes_may_open_a_new_database_at_once(tmp_path):
    program = (
        "import pathlib\n"
        "from recsys.config import EventsConfig\n"
        "from recsys.events.database import Events\n"
        f"folder = pathlib.Path({str(tmp_path)!r})\n"
        "for number in range(5):\n"
        "    Events(EventsConfig(url=f'{number}.db'), folder).close()\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
