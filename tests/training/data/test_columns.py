from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from training.data import columns


def batches(values: list[str | None]):
    def read():
        for start in range(0, len(values), 3):
            yield pa.record_batch({"x": pa.array(values[start : start + 3], pa.string())})

    return read


@pytest.mark.parametrize("bound", [0, 1 << 20])
def test_text_is_the_same_in_memory_and_in_a_file(
    bound: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_IN_MEMORY_BYTES", bound)
    values = ["a", "quite-long", "ß", "x" * 40, "", "b", "c"]
    found = columns.text_array(batches(values), len(values), tmp_path)
    assert found.tolist() == values and found[[1, 3]].tolist() == [values[1], values[3]]
    assert isinstance(found, np.memmap) == (bound == 0)
    assert not list(tmp_path.iterdir())
    assert columns.text_array(batches([]), 0, tmp_path).tolist() == []


def test_hashes_are_packed_and_absent_ones_zero() -> None:
    values = ["ab" * 16, None, "00" * 15 + "01", None, None, "ff" * 16]
    packed, present = columns.hash_array(batches(values), len(values))
    assert present.tolist() == [value is not None for value in values]
    assert [bytes(row).hex() for row in packed] == [value or "00" * 16 for value in values]
