"""The parts of a backup: hashes, hot copies, places, paths in MLflow's database."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.backup.databases import copy_sqlite
from infra.backup.manifest import (
    FILE,
    FORMAT,
    BackupManifest,
    check_files,
    read_manifest,
    records_of,
)
from infra.backup.models import DATABASE, relocate
from infra.backup.places import read_from, written_to
from training.errors import BadConfig, BadData, Conflict, NotFound, Unavailable


def manifest(folder: Path, **changes) -> BackupManifest:
    found = BackupManifest(
        format=FORMAT,
        product="0.0.1",
        created="2026-01-01T00:00:00+00:00",
        workspace="file:///old",
        events="sqlite",
        events_revision="r0001",
        mlflow="workspace",
        champion=1,
        live="1",
        versions=(1,),
        counts={"people": 1, "posts": 1, "reactions": 0},
        files=records_of(folder),
    ).model_copy(update=changes)
    (folder / FILE).write_text(found.model_dump_json())
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "backup"
    (made / "models").mkdir(parents=True)
    (made / "events.db").write_bytes(bytes(range(256)))
    (made / "models" / "weights").write_bytes(b"weights")
    return made


def test_a_whole_backup_passes(folder: Path):
    written = manifest(folder)
    assert read_manifest(folder) == written
    check_files(folder, written)
    assert set(written.files) == {"events.db", "models/weights"}


@given(at=st.integers(0, 255), flip=st.integers(1, 255))
def test_any_changed_byte_is_found_and_named(tmp_path_factory, at: int, flip: int):
    folder = tmp_path_factory.mktemp("b")
    content = bytearray(range(256))
    (folder / "events.db").write_bytes(content)
    written = manifest(folder)
    content[at] ^= flip
    (folder / "events.db").write_bytes(content)
    with pytest.raises(BadData, match=r"events\.db"):
        check_files(folder, written)


def test_a_manifest_of_something_else_is_a_file_like_others(folder: Path):
    (folder / "models" / FILE).write_text("{}")
    assert f"models/{FILE}" in manifest(folder).files


def test_a_file_that_is_cut_or_gone_is_named(folder: Path):
    written = manifest(folder)
    (folder / "models" / "weights").write_bytes(b"weight")
    with pytest.raises(BadData, match=r"1 of 2 files .* models/weights"):
        check_files(folder, written)
    (folder / "models" / "weights").unlink()
    with pytest.raises(BadData, match="models/weights"):
        check_files(folder, written)


def test_a_name_that_leads_out_of_the_backup_is_damage(folder: Path):
    outside = folder.parent / "secret"
    outside.write_text("x")
    record = records_of(folder.parent)["secret"]
    with pytest.raises(BadData, match=r"\.\./secret"):
        check_files(folder, manifest(folder, files={"../secret": record}))


@pytest.mark.parametrize("changes", [{"format": FORMAT + 1}, {"product": "999.0"}])
def test_a_newer_release_is_refused(folder: Path, changes):
    manifest(folder, **changes)
    with pytest.raises(Conflict, match="made this backup"):
        read_manifest(folder)


def test_what_is_no_backup(folder: Path, tmp_path: Path):
    with pytest.raises(NotFound):
        read_manifest(tmp_path)
    (folder / FILE).write_text("{")
    with pytest.raises(BadData):
        read_manifest(folder)


def test_a_database_is_copied_at_one_moment_while_others_write(tmp_path: Path):
    """Two rows are written in each transaction: a copy has as many of one kind as of the other."""
    path, stop = tmp_path / "live.db", threading.Event()
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE t (kind TEXT, filling BLOB)")

    def write() -> None:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            while not stop.is_set():
                with connection:
                    for kind in "ab":
                        connection.execute("INSERT INTO t VALUES (?, zeroblob(2000))", kind)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(8):
            copy = tmp_path / f"{number}.db"
            copy_sqlite(path, copy)
            with closing(sqlite3.connect(copy)) as connection:
                count = "SELECT count(*) FROM t WHERE kind = ?"
                a, b = (connection.execute(count, kind).fetchone()[0] for kind in "ab")
            assert a == b
            assert not copy.with_name(copy.name + "-wal").exists()
    finally:
        stop.set()
        writer.join()


def test_a_database_that_is_none_is_told(tmp_path: Path):
    with pytest.raises(Unavailable):
        copy_sqlite(tmp_path / "none.db", tmp_path / "copy.db")
    (tmp_path / "bad.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(Unavailable, match=r"bad\.db"):
        copy_sqlite(tmp_path / "bad.db", tmp_path / "copy2.db")


def test_a_folder_is_whole_or_not_there(tmp_path: Path):
    target = tmp_path / "backups" / "one"
    with pytest.raises(RuntimeError), written_to(str(target)) as draft:
        (draft / "half").write_text("x")
        raise RuntimeError
    assert not target.exists() and not list(target.parent.iterdir())
    with written_to(str(target)) as draft:
        (draft / "a").write_text("x")
    assert (target / "a").read_text() == "x"
    assert target.stat().st_mode & 0o077 == 0  # nobody else may read it
    with pytest.raises(Conflict), written_to(str(target)):
        pass


def test_a_uri_takes_and_gives_the_same_files(folder: Path, tmp_path: Path):
    manifest(folder)
    place = "memory://backups/one"
    with written_to(place) as draft:
        (draft / "models").mkdir()
        for name in ("events.db", "models/weights", FILE):
            (draft / name).write_bytes((folder / name).read_bytes())
    with read_from(place) as found:
        check_files(found, read_manifest(found))
    with pytest.raises(Conflict), written_to(place):
        pass
    with pytest.raises(NotFound), read_from("memory://backups/none"):
        pass
    with pytest.raises(BadConfig), written_to("nothing://backups/one"):
        pass


def test_paths_are_renamed_by_their_beginning_alone(tmp_path: Path):
    old, new = "file:///srv/a_b", "file:///srv/new"
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        connection.execute("CREATE TABLE runs (artifact_uri TEXT, other INTEGER)")
        for uri in (f"{old}/mlartifacts/1", old, "file:///srv/aXb/1", f"{old}c/1", f"x {old}/1"):
            connection.execute("INSERT INTO runs VALUES (?, 1)", [uri])
    model = tmp_path / "mlartifacts" / "models" / "m" / "MLmodel"
    model.parent.mkdir(parents=True)
    model.write_text(f"artifact_path: {old}/mlartifacts/models/m\n")
    assert relocate(tmp_path, old, new) == 2
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        found = [uri for (uri,) in connection.execute("SELECT artifact_uri FROM runs")]
    assert found == [
        f"{new}/mlartifacts/1",
        new,
        "file:///srv/aXb/1",
        f"{old}c/1",
        f"x {old}/1",
    ]
    assert model.read_text() == f"artifact_path: {new}/mlartifacts/models/m\n"
