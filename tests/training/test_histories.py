import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.identity import hash_id
from training.errors import BadConfig
from training.histories import HistoryConfig, approval, histories, history_arrays

CONFIG = HistoryConfig()
POSTS, AUTHORS = ["p0", "p1", "p2", "p3"], ["ann", "bob", "ann", "cid"]
SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("user_id", "post_id", "kind")] + [("value", pa.float64())]
)


def reactions(*rows) -> pa.Table:
    names = SCHEMA.names
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SCHEMA)


@pytest.mark.parametrize(
    ("kind", "value", "weight"),
    [
        ("like", None, 1.0),
        ("like", 3.0, 1.0),
        ("like", 0.0, 0.0),
        ("like", -1.0, 0.0),
        ("like", float("nan"), 0.0),
        ("click", None, 0.25),
        ("view", None, 0.0),
        ("dislike", 1.0, 0.0),
        ("hide", None, 0.0),
        ("nonsense", None, 0.0),
        ("rate", 3.5, 1.0),
        ("rate", 3.0, 0.0),
        ("rate", None, 0.0),
        ("rate", float("nan"), 0.0),
    ],
)
def test_what_speaks_for_a_post(kind, value, weight):
    assert approval(kind, value, CONFIG) == weight


def test_own_posts_and_approved_ones_make_a_history():
    table = reactions(
        ("ann", "p1", "comment", None),
        ("ann", "p1", "click", None),
        ("ann", "p3", "hide", None),
        ("bob", "p1", "like", None),
        ("dan", "p2", "like", None),
        ("dan", "gone", "like", None),
        ("eve", "p2", "view", None),
    )
    assert histories(POSTS, AUTHORS, table, CONFIG) == {
        "ann": [(0, 1.0), (1, 0.5), (2, 1.0)],
        "bob": [(1, 1.0)],
        "cid": [(3, 1.0)],
        "dan": [(2, 1.0)],
    }


def test_asked_people_are_answered_for_in_their_order_even_without_a_history():
    found = histories(POSTS, AUTHORS, reactions(), CONFIG, ["zoe", "cid", "ann"])
    assert list(found.items()) == [("zoe", []), ("cid", [(3, 1.0)]), ("ann", [(0, 1.0), (2, 1.0)])]


def test_own_posts_can_be_left_out():
    config = HistoryConfig(own=0)
    table = reactions(("ann", "p0", "like", None), ("ann", "p1", "like", None))
    assert histories(POSTS, AUTHORS, table, config) == {"ann": [(0, 1.0), (1, 1.0)]}


def test_negative_weights_are_refused():
    with pytest.raises(BadConfig, match=r"kinds\.like"):
        HistoryConfig.parse({"kinds": {"like": -1}})


some = st.tuples(
    st.sampled_from(["ann", "bob", "zoe"]),
    st.sampled_from([*POSTS, "gone"]),
    st.sampled_from(["like", "click", "rate", "hide"]),
    st.none() | st.floats(-5, 5),
)


@given(st.lists(some, max_size=20), st.permutations(range(4)))
def test_a_history_depends_on_content_not_on_order(rows, order):
    """Against a plain definition: per person and post, the largest weight of any tie to it."""
    found = histories(POSTS, AUTHORS, reactions(*rows), CONFIG)
    ties = {(author, row): 1.0 for row, author in enumerate(AUTHORS)}
    for user, post, kind, value in rows:
        if post in POSTS:
            key = (user, POSTS.index(post))
            ties[key] = max(ties.get(key, 0), approval(kind, value, CONFIG))
    expected = {key: weight for key, weight in ties.items() if weight > 0}
    assert {(u, row): w for u, own in found.items() for row, w in own} == expected
    shuffled = [POSTS[i] for i in order], [AUTHORS[i] for i in order]
    again = histories(*shuffled, reactions(*reversed(rows)), CONFIG)
    assert {(u, shuffled[0][row]): w for u, own in again.items() for row, w in own} == {
        (u, POSTS[row]): w for (u, row), w in expected.items()
    }


@given(
    authors=st.lists(st.sampled_from(["ann", "bob", "cid"]), min_size=1, max_size=12),
    told=st.lists(
        st.tuples(
            st.sampled_from(["ann", "bob", "cid", "dan", "a-long-name-nobody-has"]),
            st.integers(0, 14),
            st.sampled_from(["like", "view", "rate", "click", "comment"]),
            st.sampled_from([None, 1.0, 4.0]),
        ),
        max_size=30,
    ),
    own=st.sampled_from([0.0, 0.5, 1.0]),
    kept=st.sets(st.integers(0, 11)),
)
def test_arrays_hold_what_the_lists_hold(authors, told, own, kept):
    ids = [f"post-{row}" for row in range(len(authors))]
    table = reactions(*((user, f"post-{row}", kind, value) for user, row, kind, value in told))
    people = ["ann", "bob", "cid", "dan"]
    config = HistoryConfig(own=own)
    known = table.filter(
        pa.array([user in people for user in table["user_id"].to_pylist()], pa.bool_())
    )
    wanted = histories(ids, authors, known, config, people)
    keeps = np.isin(np.arange(len(ids)), sorted(kept))
    found = history_arrays(
        np.array([people.index(author) for author in authors]),
        table.to_batches(max_chunksize=4),
        np.array(people),
        np.array([hash_id(post_id) for post_id in ids], np.uint64),
        keeps,
        config,
    )
    assert found.present.tolist() == [bool(wanted[user]) for user in people]
    for person, user in enumerate(people):
        some = slice(found.start[person], found.start[person + 1])
        own_rows = list(zip(found.rows[some].tolist(), found.weight[some].tolist(), strict=True))
        assert own_rows == [(row, weight) for row, weight in wanted[user] if keeps[row]]
