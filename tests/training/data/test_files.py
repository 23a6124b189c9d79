import multiprocessing
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data.files import TableWriter, exclusive, fresh_folder, parts_of, replacing

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False)])


def _hold(lock: Path, log: Path) -> None:
    with exclusive(lock):
        with log.open("a") as out:
            out.write("in ")
        time.sleep(0.1)
        with log.open("a") as out:
            out.write("out ")


def test_a_lock_lets_one_process_in_at_a_time(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    arguments = (tmp_path / "deep" / "a.lock", tmp_path / "log")
    processes = [context.Process(target=_hold, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "log").read_text() == "in out " * 3


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as fresh:
        fresh.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    with replacing(path) as fresh:
        fresh.write_text("new")
    assert path.read_text() == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_fresh_folder_is_empty_and_goes(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "left over").touch()
    with fresh_folder(tmp_path / "work") as folder:
        assert not list(folder.iterdir())
        (folder / "x").touch()
    assert not list(tmp_path.iterdir())


def test_parts_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.files._PART_BYTES", 200)
    writer = TableWriter(tmp_path / "t", SCHEMA)
    for start in range(0, 3000, 1000):
        writer.append(pa.table({"n": range(start, start + 1000)}, schema=SCHEMA))
    writer.append(SCHEMA.empty_table())
    writer.close()
    parts = parts_of(tmp_path / "t")
    assert [part.name for part in parts] == [f"part-0000{i}.parquet" for i in range(3)]
    numbers = [n for part in parts for n in pq.read_table(part)["n"].to_pylist()]
    assert numbers == list(range(3000))


def test_a_table_without_rows_has_one_part(tmp_path: Path) -> None:
    TableWriter(tmp_path / "t", SCHEMA).close()
    (part,) = parts_of(tmp_path / "t")
    assert pq.read_table(part).schema == SCHEMA
