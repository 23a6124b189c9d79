import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.features.hash_index import HashIndex

# few different halves, so that they collide
halves = st.integers(0, 3)
hashes = st.lists(st.tuples(halves, halves), min_size=1, max_size=9)


def packed(some: list[tuple[int, int]]) -> np.ndarray:
    return np.array(some, np.uint64).reshape(-1, 2).view(np.uint8).reshape(-1, 16)


@given(st.lists(hashes, max_size=7), hashes)
def test_what_is_found_is_where_it_was_put(added, asked) -> None:
    index, places = HashIndex(), {}
    for some in added:
        for hash in some:
            places.setdefault(hash, []).append(len(index) + some.index(hash))
        index.add(packed(some))
    for hash, place in zip(asked, index.find(packed(asked)).tolist(), strict=True):
        assert place in places.get(hash, [-1])
    assert len(index) == sum(map(len, added))
