import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsys.events.records import Post
from recsys.vector_cache import FRESH_S, VectorCache
from recsys.versions import Target, Version
from tests.recsys.world import open_store, publish, unit_rows

V = Version(1, "1")
ROWS = unit_rows(8)
IDS = [f"p{i}" for i in range(8)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def filled(most: int = 10**6) -> tuple[VectorCache, Clock]:
    clock = Clock()
    cache = VectorCache(most, clock)
    cache.keep(V, Target.POSTS, dict(zip(IDS, ROWS, strict=True)))
    return cache, clock


def test_an_entry_counts_by_itself_while_it_is_fresh():
    cache, clock = filled()
    assert set(cache.recent(V, Target.POSTS, [*IDS, "else"])) == set(IDS)
    assert cache.recent(Version(2, "1"), Target.POSTS, IDS) == {}
    assert cache.recent(V, Target.IMAGES, IDS) == {}
    clock.now = FRESH_S + 0.1
    assert cache.recent(V, Target.POSTS, IDS) == {}


def test_an_old_entry_counts_if_the_index_agrees_and_is_fresh_again():
    cache, clock = filled()
    clock.now = 1000
    queries = unit_rows(3, seed=5)
    scores = np.array([ROWS[i] @ queries[i] for i in range(3)])
    scores[1] += 1e-3  # as if p1 had been replaced
    found = cache.proved(V, Target.POSTS, IDS[:3], queries, scores)
    assert set(found) == {"p0", "p2"}
    assert np.array_equal(found["p2"], ROWS[2])
    assert set(cache.recent(V, Target.POSTS, IDS)) == {"p0", "p2"}
    assert cache.proved(V, Target.POSTS, ["else"], queries[:1], scores[:1]) == {}


def test_what_was_written_is_forgotten():
    cache, _ = filled()
    cache.forget(["p0", "p7", "else"])
    assert set(cache.recent(V, Target.POSTS, IDS)) == set(IDS[1:7])
    cache.clear()
    assert cache.recent(V, Target.POSTS, IDS) == {} and cache.bytes == 0


def test_nothing_is_kept_where_nothing_may_be():
    cache, _ = filled(0)
    assert cache.recent(V, Target.POSTS, IDS) == {} and cache.bytes == 0


@given(st.lists(st.tuples(st.sampled_from(IDS), st.booleans()), max_size=60), st.integers(0, 4000))
def test_the_bound_holds_and_what_was_used_last_stays(steps, most):
    cache = VectorCache(most, Clock())
    for id, read in steps:
        if read:
            cache.recent(V, Target.POSTS, [id])
        else:
            cache.keep(V, Target.POSTS, {id: ROWS[IDS.index(id)]})
            fits = cache.bytes > 0
            assert (id in cache.recent(V, Target.POSTS, [id])) == fits
        assert 0 <= cache.bytes <= most


def test_threads_may_share_it():
    cache, _ = filled(3000)

    def work(seed: int) -> None:
        for step in range(300):
            id = IDS[(seed * step) % 8]
            cache.keep(V, Target.POSTS, {id: ROWS[0]})
            cache.recent(V, Target.POSTS, IDS)
            cache.forget([id])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.forget(IDS)
    assert cache.bytes == 0


@pytest.mark.parametrize("cache_mb", [0, 1])
def test_a_search_brings_the_vectors_that_are_in_the_index_now(tmp_path, cache_mb):
    """Another store, as in another process, replaces a post behind this one's back."""
    posts = [Post(id, "ann") for id in IDS]
    with (
        open_store(tmp_path, cache_mb=cache_mb) as reader,
        open_store(tmp_path) as writer,
    ):
        version = publish(writer, "1", dict(zip(posts, ROWS, strict=True)))
        view, queries = reader.live(), unit_rows(4, seed=3)

        def check(rows: np.ndarray) -> None:
            found, vectors = view.search_with_vectors(Target.POSTS, queries, 5)
            assert found == view.search(Target.POSTS, queries, 5)
            assert set(vectors) == {near.id for answer in found for near in answer}
            for id, vector in vectors.items():
                assert vector == pytest.approx(rows[IDS.index(id)], abs=1e-6)

        check(ROWS)
        check(ROWS)
        changed = ROWS[::-1].copy()
        writer.put(version, posts, {Target.POSTS: changed})
        check(changed)
        writer.remove(Target.POSTS, IDS[:4])
        found, vectors = view.search_with_vectors(Target.POSTS, queries, 5)
        assert set(vectors) == set(IDS[4:]) and len(found[0]) == 4


def test_one_who_writes_sees_what_was_written_at_once(tmp_path):
    posts = [Post(id, "ann") for id in IDS]
    with open_store(tmp_path) as store:
        version = publish(store, "1", dict(zip(posts, ROWS, strict=True)))
        view = store.live()
        assert len(view.recent(Target.POSTS, IDS)) == 8
        store.put(version, posts[:1], {Target.POSTS: ROWS[1:2]})
        store.remove(Target.POSTS, ["p3"])
        found = view.recent(Target.POSTS, IDS)
        assert found["p0"] == pytest.approx(ROWS[1]) and "p3" not in found
