from recsys import charts
from recsys.charts import Charts
from recsys.events.records import Post, Reaction
from tests.recsys.world import open_events


def test_the_charts_are_counted_anew_after_a_while(tmp_path, monkeypatch):
    now = [0.0]
    with open_events(tmp_path) as events:
        events.add_posts([Post(f"p{i}", "ann") for i in range(4)])
        events.add_reactions([Reaction(f"r{i}", f"p{i % 2}", "like") for i in range(3)])
        found = Charts(events, clock=lambda: now[0])
        assert found.first(["like"], 9, set()) == ["p0", "p1"]
        events.add_reactions([Reaction(f"s{i}", "p3", "like") for i in range(5)])
        assert found.first(["like"], 9, {"p0"}) == ["p1"]
        assert found.first(["save"], 9, set()) == []  # of other kinds there are other charts
        now[0] = 6
        assert found.first(["like"], 2, set()) == ["p3", "p0"]
        monkeypatch.setattr(charts, "_KEPT", 2)
        now[0] = 12
        # who has seen all that is kept gets what comes after it
        assert found.first(["like"], 2, {"p3", "p0"}) == ["p1"]
