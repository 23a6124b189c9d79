"""Files of events: what is good comes in once, what is bad is put aside and named."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recsys.events import ingesting
from recsys.events.batches import Batch, Written
from recsys.events.boundaries import BoundaryKind
from recsys.events.files import find_sources
from recsys.events.ingesting import ingest
from recsys.events.records import Person, Post, Reaction
from recsys.events.rejects import Quarantine, Reject
from recsys.events.rows import TableName
from tests.recsys.world import BEGINNING, open_events
from training.data.config import DataConfig
from training.errors import BadData

NOW = datetime.now(UTC)
LIKE = {"user_id": "ann", "post_id": "p", "kind": "like", "created_at": "2026-01-01T00:00:00Z"}


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def bring(events, path: Path, **options) -> ingesting.Ingested:
    [source] = find_sources([str(path)])
    return ingest(source, events, DataConfig(), path.parent / "quarantine", **options)


def bad_rows(report) -> dict[int, tuple[str | None, str]]:
    lines = report.quarantine.read_text().splitlines()
    return {one["row"]: (one["field"], one["reason"]) for one in map(json.loads, lines)}


@pytest.mark.parametrize(
    ("change", "field", "reason", "said"),
    [
        ({"kind": "lik"}, "kind", "unknown kind", "allowed: click, comment,"),
        ({"created_at": (NOW + timedelta(days=2)).isoformat()}, "created_at", "date in the", ""),
        ({"created_at": "soon"}, "created_at", "not a date", "soon"),
        ({"created_at": None}, "created_at", "missing", "a date, or a key"),
        ({"value": "nan"}, "value", "not a finite number", ""),
        ({"value": "much"}, "value", "wrong type", ""),
        ({"user_id": ""}, "user_id", "missing", ""),
        ({"post_id": "a b"}, "post_id", "bad id", "A-Z"),
        ({"key": "x" * 200}, "key", "bad id", "128"),
        ({"reaction_id": "zz"}, "reaction_id", "bad id", "32"),
    ],
)
def test_a_bad_reaction_is_named_by_row_field_and_reason(tmp_path, change, field, reason, said):
    with open_events(tmp_path) as events:
        report = bring(events, write(tmp_path / "likes.jsonl", LIKE, LIKE, LIKE | change))
        assert (report.rows, report.recorded, report.repeated, report.rejected) == (3, 1, 1, 1)
        [bad] = report.examples
        assert (bad.row, bad.field) == (3, field)
        assert bad.reason.startswith(reason) and said in bad.detail
        assert json.loads(bad.raw).keys() == (LIKE | change).keys()
        assert len(events.reactions_table()) == 1


def test_rows_of_all_tables_are_told_by_their_columns(events, tmp_path):
    tomorrow = (NOW + timedelta(hours=20)).isoformat()  # clocks differ
    write(tmp_path / "a.jsonl", {"user_id": "ann", "kind": "blocked", "target": "bob"})
    write(tmp_path / "b.jsonl", LIKE | {"created_at": tomorrow}, LIKE | {"post_id": "unknown"})
    (tmp_path / "c.csv").write_text("post_id,user_id,text,tags,other\np,ann,Hello,a|b,x\n")
    table = pa.table({"user_id": ["zoe", "ann"], "text": ["draws", None]})
    pq.write_table(table, tmp_path / "d.parquet")
    sources = find_sources([str(tmp_path)])
    assert [one.table for one in sources] == ["users", "posts", "reactions", "boundaries"]
    reports = [ingest(one, events, DataConfig(), tmp_path / "bad") for one in sources]
    assert [one.recorded for one in reports] == [2, 1, 2, 1]
    assert not (tmp_path / "bad").exists()
    assert events.posts(["p"])["p"] == Post("p", "ann", "Hello", ("a", "b"))
    assert events.person("zoe").profile == "draws"
    assert events.boundaries.of("bob").blocked_by == {"ann"}
    assert events.tallies.of(["p", "unknown"]) == {"p": {"like": 1}, "unknown": {"like": 1}}
    [forced] = find_sources([str(tmp_path / "b.jsonl")], TableName.USERS)
    assert forced.table is TableName.USERS


def test_a_file_of_no_table_says_what_is_missing(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    with pytest.raises(BadData, match="of no table: id, name") as told:
        find_sources([str(tmp_path)])
    assert "posts: post_id, user_id" in told.value.hint
    with pytest.raises(BadData, match="no column 'post_id', as posts have"):
        find_sources([str(tmp_path)], TableName.POSTS)
    write(tmp_path / "a.csv", {})
    (tmp_path / "a.csv").rename(tmp_path / "a.jsonl")
    with pytest.raises(BadData):
        find_sources([str(tmp_path)])


def test_malformed_lines_and_posts_of_others_are_put_aside_alone(events, tmp_path):
    events.put_post(Post("mine", "ann", "first"))
    path = tmp_path / "posts.csv"
    path.write_text(
        "post_id,user_id,text,private\n"
        "p,ann,one,\n"
        "too,many,cells,here,now\n"
        "mine,bob,now mine,\n"
        "p,bob,taken over,\n"
        "q,ann,,\n"
        "r,ann,two,perhaps\n"
        "s,ann,three,yes\n"
    )
    report = bring(events, path)
    assert (report.rows, report.recorded, report.rejected) == (7, 2, 5)
    assert bad_rows(report) == {
        3: (None, "malformed row"),
        4: ("post_id", "duplicate"),
        5: ("post_id", "duplicate"),
        6: (None, "empty post"),
        7: ("private", "wrong type"),
    }
    assert report.repeated == 0
    assert events.posts(["mine"])["mine"].text == "first"
    assert events.posts(["p"])["p"].text == "one"
    assert events.people() == ["ann"]  # nobody comes in by a bad row


def test_an_import_that_was_cut_goes_on_and_counts_every_row_once(events, tmp_path, monkeypatch):
    monkeypatch.setattr(ingesting, "_ROWS", 10)
    rows = [LIKE | {"post_id": f"p{n}", "kind": "like" if n % 7 else "bad"} for n in range(95)]
    path = write(tmp_path / "likes.jsonl", *rows)
    told = []

    def stop(what: str, done: int, total: int) -> None:
        told.append(done)
        if done == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring(events, path, progress=stop)
    assert told == [10, 20, 30, 40]
    assert len(events.reactions_table()) == 40 - 6
    [kept] = (tmp_path / "quarantine").iterdir()
    torn = Reject("likes.jsonl", 43, 43, "kind", "unknown kind", "", "{}")
    Quarantine(kept, 40).add([torn])  # as a kill between file and database leaves it
    with kept.open("a") as file:
        file.write('{"file": "li')
    report = bring(events, path, progress=lambda what, done, total: told.append(done))
    assert told[4:] == [50, 60, 70, 80, 90, 95]
    assert (report.skipped, report.rows, report.recorded) == (40, 55, 55 - 8)
    assert report.rejected == 14
    assert sorted(bad_rows(report)) == [n + 1 for n in range(0, 95, 7)]
    assert len(kept.read_text().splitlines()) == 14
    assert len(events.reactions_table()) == 95 - 14
    again = bring(events, path)  # it had ended: a repetition reads all, and changes nothing
    assert (again.skipped, again.rows, again.recorded, again.repeated) == (0, 95, 0, 81)
    assert again.rejected == 14
    assert events.tallies.wrong() == []


def test_a_batch_is_written_whole_or_not_at_all(events):
    batch = Batch(
        people=[Person("zoe", "draws")],
        posts=[Post("p", "ann", "x")],
        reactions={"a" * 32: Reaction("bob", "p", "like", None, BEGINNING)},
    )

    def refuse(done: Written) -> None:
        assert (done.recorded, done.repeated) == (3, 0)
        raise OSError("the disk is full")

    with pytest.raises(OSError):
        events.ingest(batch, mark="m" * 32, rows=3, before_commit=refuse)
    assert events.people() == [] and events.imports.rows("m" * 32) == 0
    assert events.ingest(batch, mark="m" * 32, rows=3).recorded == 3
    assert events.ingest(batch, mark="m" * 32, rows=6) == Written(0, 3, 0)
    assert events.imports.rows("m" * 32) == 6
    events.delete_person("zoe")
    events.delete_post("p")
    assert events.ingest(batch) == Written(0, 0, 3)


def test_a_post_that_is_written_over_is_marked_for_the_index(events):
    events.ingest(Batch(posts=[Post("p", "ann", "one"), Post("q", "ann", "x", private=True)]))
    assert events.unindexed() == {}  # a new one shows by its id
    published = Post("q", "ann", "x")  # an import never publishes
    events.ingest(Batch(posts=[Post("p", "ann", "one"), published]))
    assert events.unindexed() == {}
    done = events.ingest(Batch(posts=[Post("p", "ann", "two"), Post("p", "ann", "three")]))
    assert (done.recorded, done.repeated) == (1, 1)
    assert events.unindexed().keys() == {"p"}
    assert events.posts(["p"])["p"].text == "three"


def test_boundaries_in_files_keep_their_moment(events, tmp_path):
    rows = [
        {"user_id": "ann", "kind": "muted_tag", "target": "Ärger", "created_at": "2026-01-01"},
        {"user_id": "ann", "kind": "hidden", "target": "p"},
        {"user_id": "ann", "kind": "blocked", "target": "ann"},
        {"user_id": "ann", "kind": "shunned", "target": "bob"},
        {"user_id": "ann", "kind": "muted_tag", "target": " "},
    ]
    report = bring(events, write(tmp_path / "boundaries.jsonl", *rows))
    assert (report.recorded, report.rejected) == (2, 3)
    assert set(bad_rows(report)) == {3, 4, 5}
    assert "allowed: muted_author, muted_tag, blocked, hidden" in report.examples[1].detail
    assert events.boundaries.of("ann").muted_tags == {"Ärger"}
    assert not events.boundaries.put("ann", BoundaryKind.HIDDEN, "p")
