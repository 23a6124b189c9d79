"""Every way in which a file may hold an id, and what only looks like it."""

import bz2
import gzip
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.forgetting.needles import Needle, id_needles
from recsys.forgetting.search import search_file, search_folder

WHO = "person3"
NEEDLES = id_needles([WHO], ["person30", "xperson3"])


def parquet(path: Path, value: str) -> None:
    rows = [{"tags": ["a", value], "of": {"author": "x"}, "number": n} for n in range(2000)]
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")


def arrow(path: Path, value: str) -> None:
    table = pa.table({"id": pa.array(["before", value, "after"]).dictionary_encode()})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, table.schema, options=options) as w,
    ):
        w.write_table(table)


def sqlite(path: Path, value: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE t (a TEXT, b BLOB)")
        database.executemany("INSERT INTO t VALUES (?, 'x')", [("other",), (value,)])


def log_of_writes(path: Path, value: str) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (a TEXT)")
    with database:
        database.execute("INSERT INTO t VALUES (?)", (value,))
    path.with_name("kept").write_bytes(path.with_name(path.name + "-wal").read_bytes())
    database.close()
    path.unlink()


def archive(path: Path, value: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("inside.json", json.dumps({"id": value}))


def numpy(path: Path, value: str) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, names=np.array([value, "other"], dtype="S20"))


WRITERS = {
    "json": lambda path, value: path.write_text(json.dumps({"people": [value]})),
    "log": lambda path, value: path.write_text(f"hello from {value}.\n"),
    "gz": lambda path, value: path.write_bytes(gzip.compress(f'"{value}"'.encode())),
    "bz2": lambda path, value: path.write_bytes(bz2.compress(f'"{value}"'.encode())),
    "bin": lambda path, value: path.write_bytes(b"\0\1" + value.encode() + b"T\0"),
    "parquet": parquet,
    "arrow": arrow,
    "sqlite": sqlite,
    "wal": log_of_writes,
    "zip": archive,
    "npz": numpy,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_found_in_every_format(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path / f"file.{kind}", WHO)
    hits = search_folder(tmp_path, NEEDLES)
    assert hits and not any(hit.mention for hit in hits)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("value", ["person30", "xperson3", "perso", "nobody"])
def test_not_found_where_it_is_not(tmp_path: Path, kind: str, value: str) -> None:
    WRITERS[kind](tmp_path / f"file.{kind}", value)
    assert search_folder(tmp_path, NEEDLES) == []


def test_rows_that_were_deleted_are_still_there(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA secure_delete=OFF")
        with database:
            database.execute("CREATE TABLE t (a TEXT)")
            database.executemany("INSERT INTO t VALUES (?)", [("person30",)] * 50 + [(WHO,)] * 50)
        with database:
            database.execute("DELETE FROM t WHERE a = ?", (WHO,))
        assert [what for what, _ in search_file(path, NEEDLES)] == [
            "id in the space of deleted rows"
        ]
        database.execute("VACUUM")
    assert search_file(path, NEEDLES) == []


def test_someone_elses_text_is_a_mention(tmp_path: Path) -> None:
    sqlite(tmp_path / "events.db", f"I like {WHO}.")
    parquet(tmp_path / "posts.parquet", f"so does {WHO}, and I")
    hits = search_folder(tmp_path, NEEDLES)
    assert [hit.mention for hit in hits] == [True, True]
    sqlite(tmp_path / "other.db", WHO)
    assert [hit.mention for hit in search_folder(tmp_path, NEEDLES)] == [True, False, True]


def test_a_short_id_counts_as_a_value_alone(tmp_path: Path) -> None:
    short = id_needles(["7"])
    (tmp_path / "numbers.bin").write_bytes(b"\0" + b"7" * 100)
    sqlite(tmp_path / "a.db", "17")
    assert search_folder(tmp_path, short) == []
    sqlite(tmp_path / "b.db", "7")
    assert [hit.place for hit in search_folder(tmp_path, short)] == ["b.db"]


def test_contents_are_found_anywhere_in_a_value(tmp_path: Path) -> None:
    vector = np.random.default_rng(0).standard_normal(8).astype(np.float32)
    needle = Needle("vector", vector.tobytes())
    rows = pa.array([[0.0] * 8, vector.tolist()], pa.list_(pa.float32(), 8))
    pq.write_table(pa.table({"vector": rows}), tmp_path / "v.parquet", compression="zstd")
    np.save(tmp_path / "v.npy", np.stack([vector * 2, vector]))
    assert {hit.place for hit in search_folder(tmp_path, [needle])} == {"v.parquet", "v.npy"}


def test_a_torn_file_is_searched_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1\0\0" + WHO.encode() + b"\0")
    assert len(search_folder(tmp_path, NEEDLES)) == 1


def test_our_own_source_beside_a_model_is_passed_over(tmp_path: Path) -> None:
    code = tmp_path / "mlartifacts" / "models" / "m-1" / "artifacts" / "code" / "training"
    code.mkdir(parents=True)
    (code / "examples.py").write_text(f"# like {WHO}")
    assert search_folder(tmp_path, NEEDLES) == []
    (code.parents[1] / "MLmodel").write_text(WHO)
    assert len(search_folder(tmp_path, NEEDLES)) == 1


def test_across_the_border_of_two_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recsys.forgetting.search._AT_ONCE", 16)
    text = " ".join(["filler"] * 5 + [WHO] + ["person30"] * 5 + [WHO])
    (tmp_path / "text").write_text(text)
    [hit] = search_folder(tmp_path, NEEDLES)
    assert hit.what == "id in its text, 2 times"


words = st.text("abc.:/-_ 1", min_size=1, max_size=8)


@settings(deadline=None)
@given(words.filter(lambda word: " " not in word), st.lists(words, max_size=6))
def test_a_word_is_found_like_by_splitting(word: str, others: list[str]) -> None:
    """Words of id characters, told by the slow way: cut at blanks, full stops behind cut off."""
    text = " ".join(others)
    parts = {
        part
        for each in text.split(" ")
        for part in (each, each[:-1] if each[-1:] in (".", ":") else each)
    }
    needle = Needle("id", word.encode(), word=True)
    assert needle.mentioned(text.encode()) == (word in parts)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 20))
def test_bytes_are_found_in_pieces_of_any_size(data: bytes, size: int) -> None:
    needle = Needle("picture", b"\1\2\1")
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("recsys.forgetting.search._AT_ONCE", size)
        (Path(folder) / "file").write_bytes(b"\0" + data)
        assert bool(search_folder(Path(folder), [needle])) == (needle.value in data)
