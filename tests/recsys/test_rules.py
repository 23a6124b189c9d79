import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recsys.candidates.rounds import Candidate
from recsys.events.boundaries import Boundaries
from recsys.events.records import Post
from recsys.profiles import Profile
from recsys.rules import allowed

PEOPLE, TAGS = "abcde", "xyz"
posts = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE), st.sets(st.sampled_from(TAGS)), st.booleans(), st.booleans()
    ),
    max_size=12,
)
people = st.frozensets(st.sampled_from(PEOPLE))
ids = st.frozensets(st.sampled_from([f"p{i}" for i in range(12)]))


@given(posts, people, people, people, st.frozensets(st.sampled_from(TAGS)), ids)
def test_only_what_breaks_no_rule_passes_and_all_of_it(drawn, muted, blocked, by, tags, seen):
    known = {
        f"p{i}": Post(f"p{i}", author, tags=tuple(sorted(marks)), private=private)
        for i, (author, marks, private, deleted) in enumerate(drawn)
        if not deleted
    }
    boundaries = Boundaries(muted_authors=muted, muted_tags=tags, blocked=blocked, blocked_by=by)
    nothing = np.empty((0, 2), np.float32)
    profile = Profile("a", (), seen, None, None, nothing, boundaries=boundaries)
    proposed = [Candidate(f"p{i}", ("taste",), i) for i in range(len(drawn))]
    expected = [
        f"p{i}"
        for i, (author, marks, private, deleted) in enumerate(drawn)
        if not (private or deleted or author == "a" or f"p{i}" in seen)
        and not (marks & tags or author in muted | blocked | by)
    ]
    assert [one.post_id for one in allowed(proposed, known, profile)] == expected
