import os
import zipfile
from pathlib import Path

import pytest
from pyarrow import fs

from training.data.sources import SourceFile, below, fingerprint, list_files, open_filesystem
from training.errors import BadConfig, BadData


def fill(folder: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "deep/c.jsonl", "x.txt", "_SUCCESS", ".hidden.jsonl"):
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text("{}\n")


def content(file: SourceFile) -> bytes:
    with file.open_stream() as stream, file.open_file() as again:
        found = stream.read()
        assert again.read() == found
        return found


def test_files_of_a_folder_are_sorted_and_markers_left_out(tmp_path: Path) -> None:
    fill(tmp_path)
    for place in (str(tmp_path), tmp_path.as_uri()):
        files = list_files(place, [".jsonl"])
        assert [file.name for file in files] == ["a.jsonl", "b.jsonl", "deep/c.jsonl"]
        for file in files:
            assert content(file) == b"{}\n"
            assert file.size == 3 and file.modified > 0
    assert len(list_files(str(tmp_path))) == 6


def test_a_name_that_is_not_utf8_is_an_error_for_users(tmp_path: Path) -> None:
    file = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jsonl")
    with open(file, "w") as stream:
        stream.write("{}\n")
    for place in (file, str(tmp_path)):
        with pytest.raises(BadConfig, match="not UTF-8"):
            list_files(place)


def test_a_single_file(tmp_path: Path) -> None:
    fill(tmp_path)
    (file,) = list_files(str(tmp_path / "x.txt"), [".jsonl"])
    assert file.name == "x.txt"


def test_fsspec_reads_what_pyarrow_does_not_know(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dump.zip", "w") as archive:
        archive.writestr("data/a.jsonl", "{}\n")
        archive.writestr("data/b.jsonl", "{}\n")
    files = list_files(f"zip://data::{tmp_path}/dump.zip", [".jsonl"])
    assert [file.name for file in files] == ["a.jsonl", "b.jsonl"]
    assert content(files[1]) == b"{}\n"


def test_odd_names_need_no_quoting(tmp_path: Path) -> None:
    folder = tmp_path / "a b#%20?"
    folder.mkdir()
    (folder / "50%25 of?#.csv").write_text("x")
    for place in (str(folder), folder.as_uri()):
        (file,) = list_files(place)
        assert file.name == "50%25 of?#.csv" and content(file) == b"x"


def test_cloud_uris_need_no_extra_package() -> None:
    filesystem, path = open_filesystem("s3://bucket/posts?region=eu-west-1")
    assert isinstance(filesystem, fs.S3FileSystem) and path == "bucket/posts"
    filesystem, path = open_filesystem("gs://anonymous@bucket/posts")
    assert isinstance(filesystem, fs.GcsFileSystem) and path == "bucket/posts"


def test_paths_below_a_uri() -> None:
    assert below("a/b/", "c.csv") == "a/b/c.csv"
    assert below("s3://bucket/a?region=x", "c.csv") == "s3://bucket/a/c.csv?region=x"
    assert below("zip://a::s3://bucket/d.zip", "c.csv") == "zip://a/c.csv::s3://bucket/d.zip"
    assert below("odd?name", "c.csv") == "odd?name/c.csv"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("http://127.0.0.1/posts.csv", "not read over http"),
        ("https://example.org/posts.csv", "not read over https"),
        ("memory://posts.csv", "this process only"),
        ("nonsense://posts.csv", "can't be opened"),
        ("s3://bucket/posts?regoin=eu", "Unexpected query parameter in S3 URI: 'regoin'"),
        ("gs://bucket/posts?zone=1", "Unexpected query parameter in GCS URI: 'zone'"),
        ("s3:///posts", "Missing bucket name"),
    ],
)
def test_uris_that_are_not_read(place: str, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        open_filesystem(place)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="does not exist"):
        list_files(str(tmp_path / "nothing"))
    with pytest.raises(BadData, match="holds no files"):
        list_files(str(tmp_path), [".csv"])


def test_a_fingerprint_is_of_content_not_of_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("one")
    first = fingerprint(list_files(str(path)))
    os.utime(path, (1, 1))
    assert fingerprint(list_files(str(path))) == first
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fingerprint(list_files(str(path))) != first


def test_files_beyond_the_limit_are_told_by_size_and_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.data.sources._CONTENT_LIMIT", 5)
    (tmp_path / "a").write_text("1234")
    (tmp_path / "b").write_text("1234")
    marks = fingerprint(list_files(str(tmp_path)))
    assert [mark.split(":")[0] for mark in marks] == ["content", "changed"]
    os.utime(tmp_path / "b", (1, 1))
    assert fingerprint(list_files(str(tmp_path)))[1] != marks[1]
