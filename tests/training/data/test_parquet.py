from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data.fields import Microseconds
from training.data.parquet import Unsupported, read_parquet
from training.data.sources import SourceFile, list_files
from training.errors import BadData


def source(path: Path) -> SourceFile:
    return list_files(str(path))[0]


def read_back(path: Path, column: pa.Array, name: str = "text") -> list[Any]:
    pq.write_table(pa.table({name: column}), path)
    rows = list(read_parquet(source(path), [0], (name,)))
    assert [row.number for row in rows] == list(range(1, len(column) + 1))
    return [row.values[name] for row in rows]  # type: ignore[index]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.parquet"


BROKEN = pa.Array.from_buffers(
    pa.string(), 2, pa.array([b"good", b"caf\xe9"], pa.binary()).buffers()
)


def test_one_text_of_broken_utf8_leaves_the_others(path: Path) -> None:
    assert read_back(path, BROKEN) == ["good", "caf\udce9"]
    assert read_back(path, BROKEN.dictionary_encode()) == ["good", "caf\udce9"]
    lists = pa.ListArray.from_arrays([0, 1, 2], BROKEN)
    assert read_back(path, lists) == [["good"], ["caf\udce9"]]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.binary()])
def test_every_kind_of_text(path: Path, kind: pa.DataType) -> None:
    assert read_back(path, pa.array(["ä", None, ""], pa.string()).cast(kind)) == ["ä", None, ""]


def test_images_stay_bytes(path: Path) -> None:
    assert read_back(path, pa.array([b"\xff", None]), "image") == [b"\xff", None]
    structs = pa.array([{"bytes": b"\xff", "path": "a.png"}, None])
    assert read_back(path, structs, "image") == [{"bytes": b"\xff", "path": "a.png"}, None]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_of_any_unit(path: Path, unit: str, zone: str | None) -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)
    array = pa.array([moment, None], pa.timestamp("us", "UTC")).cast(pa.int64())
    factor = {"s": 10**-6, "ms": 10**-3, "us": 1, "ns": 10**3}[unit]
    scaled = pa.array([round(array[0].as_py() * factor), None], pa.int64())
    values = read_back(path, scaled.cast(pa.timestamp(unit, zone)))
    assert values == [int(moment.timestamp()) * 10**6, None]
    assert isinstance(values[0], Microseconds)


def test_times_that_no_python_date_can_hold(path: Path) -> None:
    far = pa.array([2**62], pa.int64()).cast(pa.timestamp("ms"))
    assert read_back(path, far) == [2**62 * 1000]


def test_days(path: Path) -> None:
    days = pa.array([date(2024, 5, 1), None])
    expected = [int(datetime(2024, 5, 1, tzinfo=UTC).timestamp()) * 10**6, None]
    assert read_back(path, days) == expected
    assert read_back(path, days.cast(pa.date64())) == expected


def test_other_types_are_named_where_no_field_can_have_them(path: Path) -> None:
    maps = pa.array([[("a", "b")], None], pa.map_(pa.string(), pa.string()))
    found = read_back(path, maps)
    assert isinstance(found[0], Unsupported) and found[0].arrow_type.startswith("map<")
    assert found[1] is None
    assert read_back(path, pa.array([1.5, None])) == [1.5, None]
    assert read_back(path, pa.array([True, None])) == [True, None]
    assert read_back(path, pa.nulls(2)) == [None, None]
    assert read_back(path, pa.array([[1, 2], None, []])) == [[1, 2], None, []]


def test_rows_are_numbered_through_row_groups(path: Path) -> None:
    ids = [str(i) for i in range(100)]
    pq.write_table(pa.table({"post_id": ids, "image": [bytes(9)] * 100}), path, row_group_size=30)
    rows = list(read_parquet(source(path), [1, 2], ("post_id", "image", "absent")))
    assert [row.number for row in rows] == list(range(31, 91))
    assert [row.values["post_id"] for row in rows] == ids[30:90]  # type: ignore[index]


def test_large_images_come_in_small_batches(path: Path) -> None:
    pictures = [np.random.default_rng(i).bytes(1 << 20) for i in range(40)]
    pq.write_table(pa.table({"image": pictures}), path)
    rows = list(read_parquet(source(path), [0], ("image",)))
    assert [row.values["image"] for row in rows] == pictures  # type: ignore[index]


def test_broken_files(path: Path) -> None:
    path.write_bytes(b"PAR1 hello")
    with pytest.raises(BadData, match="not a readable Parquet file"):
        list(read_parquet(source(path), [0], ("post_id",)))
    ids = pa.table({"post_id": [str(i) * 50 for i in range(5000)]})
    pq.write_table(ids, path, compression="none", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[4:2000] = bytes(1996)
    path.write_bytes(bytes(data))
    with pytest.raises(BadData, match="to its end"):
        list(read_parquet(source(path), [0], ("post_id",)))
