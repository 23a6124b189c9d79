import bz2
import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.quarantine import Reason
from training.data.raw import Malformed, RawRow
from training.data.sources import SourceFile, list_files
from training.data.text_files import read_csv, read_header, read_jsonl
from training.errors import BadData


def written(path: Path, data: bytes) -> SourceFile:
    path.write_bytes(data)
    return list_files(str(path))[0]


def outline(rows: list[RawRow]) -> list[tuple[int, Any]]:
    """Rows as (number, values), malformed ones as (number, reason)."""
    return [
        (row.number, row.values.reason if isinstance(row.values, Malformed) else row.values)
        for row in rows
    ]


def test_one_bad_line_does_not_end_a_jsonl(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"post_id": "1"}',
        b"",
        b'{"post_id": ',
        b'{"text": "caf\xe9"}',
        b"[1]",
        b"null",
        b"[" * 100_000,
        b'{"n": ' + b"9" * 5000 + b"}",
        b'{"x": NaN}',
        b'{"post_id": "last"}',
    ]
    rows = list(read_jsonl(written(tmp_path / "a.jsonl", b"\r\n".join(lines))))
    bad = Reason.MALFORMED
    found = outline(rows)
    assert [number for number, _ in found] == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    values = dict(found)
    assert values[1] == {"post_id": "1"} and values[10] == {"post_id": "last"}
    assert values[4] == {"text": "caf\udce9"}
    assert [values[i] for i in (3, 5, 6, 7, 8)] == [bad] * 5
    assert isinstance(rows[1].values, Malformed) and rows[1].values.text == '{"post_id":'


def test_an_endless_line_is_one_bad_row(tmp_path: Path) -> None:
    data = b'{"text": "' + b"x" * (1 << 25) + b'"}\n{"post_id": "2"}\n'
    found = outline(list(read_jsonl(written(tmp_path / "a.jsonl", data))))
    assert found == [(1, Reason.TOO_LONG), (2, {"post_id": "2"})]


def test_a_json_array_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="jq"):
        list(read_jsonl(written(tmp_path / "a.json", b'\n[\n{"post_id": "1"}]'[1:])))


def test_bad_records_do_not_end_a_csv(tmp_path: Path) -> None:
    data = (
        b'\xef\xbb\xbfpost_id,user_id,text\r\n1,u,"two\nlines, ""quoted"""\n2,u,"stray\n'
        b'3,u,"fine"\n4,u,caf\xe9\n\n5,u\n6,u,\n7,u,"never closed\n8,u,ok\n9,u,"end'
    )
    found = outline(list(read_csv(written(tmp_path / "a.csv", data))))
    row = {"user_id": "u"}
    assert found == [
        (2, row | {"post_id": "1", "text": 'two\nlines, "quoted"'}),
        (4, Reason.MALFORMED),
        (5, row | {"post_id": "3", "text": "fine"}),
        (6, row | {"post_id": "4", "text": "caf\udce9"}),
        (8, Reason.MALFORMED),
        (9, row | {"post_id": "6", "text": None}),
        (10, Reason.MALFORMED),
        (11, row | {"post_id": "8", "text": "ok"}),
        (12, Reason.MALFORMED),
    ]


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=8)).filter(
            lambda cells: not any("\r" in cell or "\0" in cell for cell in cells)
        ),
        max_size=6,
    ),
    st.sampled_from(",;\t|"),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([("one", "two"), *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    file = written(path, out.getvalue().encode("utf-8", "surrogatepass"))
    read = [row.values for row in read_csv(file)]
    expected = [{"one": _through_utf8(one), "two": _through_utf8(two) or None} for one, two in rows]
    assert read == expected


def _through_utf8(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("header", "delimiter"), [("a,b,c", ","), ("a;b;c", ";"), ("a\tb,x\tc", "\t"), ("a", ",")]
)
def test_the_delimiter_is_the_one_that_parts_most(
    tmp_path: Path, header: str, delimiter: str
) -> None:
    file = written(tmp_path / "a.csv", header.encode())
    assert read_header(file) == (header.split(delimiter), delimiter)


def test_an_empty_csv_has_no_header(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no header"):
        list(read_csv(written(tmp_path / "a.csv", b"")))


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress)])
def test_packed_files(tmp_path: Path, ending: str, pack: Any) -> None:
    lines = b"".join(json.dumps({"post_id": str(i)}).encode() + b"\n" for i in range(5000))
    packed = pack(lines)
    whole = written(tmp_path / f"a.jsonl{ending}", packed)
    assert len(list(read_jsonl(whole))) == 5000
    cut = written(tmp_path / f"b.jsonl{ending}", packed[: len(packed) // 2])
    with pytest.raises(BadData, match="to its end"):
        list(read_jsonl(cut))
