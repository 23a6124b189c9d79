import time
from collections import Counter

import ray

from training.ray_recorder import Gauges, RayRecorder
from training.recorder import Kind, Metric

GAUGE = Metric("commonspace_test", Kind.GAUGE, "Nothing.", ("of",))


class Told:
    """Ray's gauge."""

    def __init__(self) -> None:
        self.counts: Counter = Counter()

    def set(self, value, labels):
        self.counts[value, labels["of"]] += 1


def until(holds) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_last_value_of_a_gauge_is_told_again_while_ray_is_there(monkeypatch):
    there = [True]
    monkeypatch.setattr(ray, "is_initialized", lambda: there[0])
    gauges, told = Gauges(again_s=0.01), Told()
    gauges.keep(told, 1, {"of": "a"})
    gauges.keep(told, 5, {"of": "b"})
    until(lambda: told.counts[1, "a"] > 2 and told.counts[5, "b"] > 2)
    gauges.keep(told, 2, {"of": "a"})
    before = told.counts[1, "a"]
    until(lambda: told.counts[2, "a"] > 2)
    assert told.counts[1, "a"] == before
    there[0] = False
    until(lambda: gauges._thread is None)
    said = told.counts.total()
    there[0] = True
    gauges.keep(told, 9, {"of": "c"})
    until(lambda: told.counts[9, "c"] > 2)
    assert told.counts.total() - said == told.counts[9, "c"]  # what was before is forgotten


def test_without_ray_nothing_is_told(monkeypatch):
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    recorder = RayRecorder()
    recorder.set(GAUGE, 1, of="x")
    with recorder.stage(Metric("commonspace_test_seconds", Kind.HISTOGRAM, "Nothing.")):
        pass
    assert not recorder._known
