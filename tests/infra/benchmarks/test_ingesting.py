"""The trials of the event database in small, and that they would find what they look for."""

from pathlib import Path

import pytest

from infra.benchmarks import event_processes, ingesting
from infra.benchmarks.ingesting import killed_ingestion, writers_and_readers
from recsys.config import EventsConfig
from recsys.events.database import Events
from recsys.events.records import Post, Reaction


def test_a_killed_import_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "_POSTS", 600)
    monkeypatch.setattr(ingesting, "_REACTIONS", 3000)
    found = killed_ingestion(tmp_path, times=2, seed=3)
    assert (found["kills"], found["lost"], found["doubled"]) == (2, 0, 0)
    assert (found["rows of posts.jsonl"], found["rows of reactions.jsonl"]) == (600, 3000)


def test_what_is_lost_or_counted_twice_is_found(tmp_path: Path) -> None:
    like = Reaction("ann", "p", "like")
    with Events(EventsConfig(), tmp_path) as events:
        events.put_post(Post("p", "ann", "x"))
        events.react([like], ["k"])
        rows = {"posts.jsonl": ["p", "q"], "reactions.jsonl": ingesting._ids(events)}
        assert ingesting._compare(events, rows, {"posts.jsonl": 1}) == (0, 0)
        assert ingesting._compare(events, rows, {"posts.jsonl": 2}) == (1, 0)
        events.react([like], ["other"])
        assert ingesting._compare(events, rows, {"reactions.jsonl": 1}) == (0, 1)


def test_two_writers_and_four_readers_agree(tmp_path: Path) -> None:
    found = writers_and_readers(tmp_path, 0.5)
    assert (found["lost"], found["partial"], found["backwards"]) == (0, 0, 0)
    assert found["writes"] > 0 and found["reads"] > 0


def test_a_reader_sees_a_pair_that_was_not_written_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Events(EventsConfig(), tmp_path) as events:
        for name in ("writer1", "writer2"):
            events.put_post(Post(f"{name}-a", name, "version 2", ("2",)))
            events.put_post(Post(f"{name}-b", name, "version 1", ("1",)))
        event_processes.read(events, 0.2)
    assert '"partial": 0' not in capsys.readouterr().out
