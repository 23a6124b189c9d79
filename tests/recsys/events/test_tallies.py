"""Tallies: always the number of reactions that are there."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.events.records import Post, Reaction
from tests.recsys.world import fill, open_events, small_world
from training.errors import NotFound

PEOPLE, POSTS, KINDS = ["ann", "bob", "cid"], ["p", "q", "r"], ["like", "view"]
react = st.tuples(
    st.just("react"),
    st.lists(
        st.tuples(st.sampled_from(PEOPLE), st.sampled_from(POSTS), st.sampled_from(KINDS)),
        max_size=4,
    ),
)
erase = st.tuples(st.just("post"), st.sampled_from(POSTS)) | st.tuples(
    st.just("person"), st.sampled_from(PEOPLE)
)


@given(st.lists(react | react | erase, max_size=12))
@settings(max_examples=25, deadline=None)
def test_whatever_comes_and_goes_tallies_are_right(tmp_path_factory, steps):
    with open_events(tmp_path_factory.mktemp("tallies")) as events:
        events.add_posts([Post(post, "ann") for post in POSTS])
        for what, value in steps:
            try:
                if what == "react":
                    events.react([Reaction(*one) for one in value])
                elif what == "post":
                    events.delete_post(value)
                else:
                    events.delete_person(value)
            except NotFound:
                pass
            assert events.tallies.wrong() == []
        rows = events.reactions_table().to_pylist()
        counted = Counter((row["post_id"], row["kind"]) for row in rows)
        tallied = events.tallies.of([*POSTS, "absent"])
        assert {(p, k): n for p, each in tallied.items() for k, n in each.items()} == counted


def test_a_fault_in_the_tallies_is_found(tmp_path):
    with open_events(tmp_path) as events:
        fill(events, small_world())
        assert events.tallies.wrong() == []
        with events._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE tallies SET count = 2 WHERE post_id = 'post/008'")
            connection.exec_driver_sql("DELETE FROM tallies WHERE post_id = 'post/009'")
        assert events.tallies.wrong() == ["post/008", "post/009"]


@pytest.mark.parametrize("kinds", [["like"], ["like", "view"], ["view"], ["none"], []])
def test_the_popular_are_those_of_a_plain_count(tmp_path, kinds):
    with open_events(tmp_path) as events:
        fill(events, small_world())
        events.add_reactions([Reaction("zoe", f"post/{n:03d}", "view") for n in range(0, 40, 3)])
        rows = events.reactions_table().to_pylist()
        public = {post_id for post_id, seen in events.visibility().items() if seen}
        total = Counter(row["post_id"] for row in rows if row["kind"] in kinds)
        plain = sorted(public & total.keys(), key=lambda id: (-total[id], id))
        for count in (1, 3, 100):
            assert events.popular(kinds, count) == plain[:count]
        assert events.popular(kinds, 5, set(plain[:2])) == plain[2:7]
