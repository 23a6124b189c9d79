from infra.benchmarks import reindexing
from infra.benchmarks.reindexing import killed_reindexing


def test_a_build_that_is_killed_ends_well(tmp_path, monkeypatch):
    monkeypatch.setattr(reindexing, "POSTS", 300)
    found = killed_reindexing(tmp_path, times=1)
    assert found["kills"] == 1 and found["clean"]
    assert 250 < found["posts"] < 350 and found["people"] > 150
