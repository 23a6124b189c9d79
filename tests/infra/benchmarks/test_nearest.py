import numpy as np
import pytest

from infra.benchmarks.nearest import clustered, nearest, table


def test_every_kind_of_search_is_measured_against_the_exact_one():
    found = nearest(1500, dimension=16, queries=20)
    kinds = [one["kind"] for one in found["searches"]]
    assert kinds[0] == "numpy, exact" and kinds[-2:] == ["Milvus Lite FLAT", "Milvus Lite HNSW"]
    for one in found["searches"]:
        exact = "exact" in one["kind"] or "FLAT" in one["kind"]
        assert one["recall"] >= (1 if exact else 0.9)
        assert 0 < one["one_p50_ms"] <= one["one_p95_ms"]
        assert 0 < one["batch_p50_ms"] <= one["batch_p95_ms"]
    lines = table(found).splitlines()
    assert len(lines) == 4 + len(kinds) and "1,500 posts of 16 dimensions" in lines[0]


def test_posts_come_in_topics_of_uneven_size():
    rows = clustered(4000, 32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(rows, clustered(4000, 32))
    nearest_one = np.sort(rows[:200] @ rows.T, axis=1)[:, -2]
    shuffled = np.random.default_rng(1).permuted(rows, axis=1)
    by_chance = np.sort(shuffled[:200] @ shuffled.T, axis=1)[:, -2]
    assert nearest_one.mean() > by_chance.mean() + 0.1
