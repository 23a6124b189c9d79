import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.features import parts
from training.features.cache import FeatureCache


def name(number: int) -> str:
    return f"{number:032x}"


def vectors(*numbers: int) -> torch.Tensor:
    return torch.tensor([[n, -n, 0.5] for n in numbers], dtype=torch.float32).view(-1, 3)


def fill(cache: FeatureCache, *numbers: int) -> None:
    cache.append([name(n) for n in numbers], vectors(*numbers))


def spoil(path) -> None:
    """Flip a bit of a vector, as a disk does."""
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)


@given(
    known=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=6),
    wanted=st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_what_went_in_comes_out(known, wanted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    cache = FeatureCache(folder, 3)
    for numbers in known:
        fill(cache, *numbers)
    there = {n for numbers in known for n in numbers}
    wanted = [n for n in wanted if n is None or n in there]
    for one in (cache, FeatureCache(folder, 3)):
        table, present = one.gather([None if n is None else name(n) for n in wanted])
        assert present.tolist() == [n is not None for n in wanted]
        assert torch.equal(table, vectors(*(n or 0 for n in wanted)) * present.view(-1, 1).float())
        absent = one.missing([name(n) for n in range(31)])
        assert absent == [n for n in range(31) if n not in there]


def test_a_content_that_is_not_there_is_an_error(tmp_path):
    cache = FeatureCache(tmp_path, 3)
    fill(cache, 1)
    with pytest.raises(KeyError):
        cache.gather([name(1), name(2)])


@pytest.mark.parametrize("damage", ["cut", "bit", "empty", "renamed"])
def test_a_spoiled_part_is_dropped_with_a_warning(damage, tmp_path, caplog):
    cache = FeatureCache(tmp_path, 3)
    fill(cache, 1, 2)
    (first,) = tmp_path.glob("part-*")
    fill(cache, 3)
    if damage == "bit":
        spoil(first)
    elif damage == "renamed":
        first = first.rename(tmp_path / "part-00.safetensors")
    else:
        first.write_bytes(first.read_bytes()[:-5] if damage == "cut" else b"")
    with caplog.at_level(logging.WARNING):
        again = FeatureCache(tmp_path, 3)
    assert str(first) in caplog.text and "spoiled" in caplog.text
    assert not first.exists()
    assert again.missing([name(1), name(2), name(3)]) == [0, 1]
    fill(again, 1, 2)
    table, _ = FeatureCache(tmp_path, 3).gather([name(3), name(1)])
    assert torch.equal(table, vectors(3, 1))


def test_what_is_half_written_is_not_seen(tmp_path):
    (tmp_path / ".part-ab.safetensors.partial").write_bytes(b"half")
    cache = FeatureCache(tmp_path, 3)
    assert cache.missing([name(1)]) == [0]


def test_a_large_table_is_a_mapped_file_that_is_made_once(tmp_path):
    cache = FeatureCache(tmp_path, 3, in_memory_bytes=20)
    fill(cache, *range(10))
    wanted = [name(7), None, name(2)]
    table, present = cache.gather(wanted)
    (file,) = tmp_path.glob("table-*.npy")
    assert torch.equal(table, vectors(7, 0, 2) * torch.tensor([[1.0], [0.0], [1.0]]))
    assert present.tolist() == [True, False, True]
    table += 1  # a copy of one's own
    made = file.stat().st_mtime_ns
    again, _ = FeatureCache(tmp_path, 3, in_memory_bytes=20).gather(wanted)
    assert torch.equal(again[0], vectors(7)[0]) and file.stat().st_mtime_ns == made
    cache.gather([name(1), name(2)])
    assert not file.exists() and len(list(tmp_path.glob("table-*.npy"))) == 1


def test_small_parts_are_joined_when_there_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr(parts, "_MOST_SMALL_PARTS", 4)
    monkeypatch.setattr(parts, "_SMALL_ROWS", 3)
    cache = FeatureCache(tmp_path, 3)
    fill(cache, 100, 101, 102, 103)  # not small
    for number in range(5):
        fill(cache, number)
    again = FeatureCache(tmp_path, 3)
    assert len(list(tmp_path.glob("part-*"))) == 2
    assert not again.missing([name(n) for n in (0, 1, 2, 3, 4, 100, 103)])
    table, _ = FeatureCache(tmp_path, 3).gather([name(4), name(103), name(0)])
    assert torch.equal(table, vectors(4, 103, 0))


def test_two_writers_do_not_disturb_each_other(tmp_path):
    one, other = FeatureCache(tmp_path, 3), FeatureCache(tmp_path, 3)
    fill(one, 1, 2)
    fill(other, 2, 3)
    fill(other, 1, 2)
    table, _ = FeatureCache(tmp_path, 3).gather([name(n) for n in (1, 2, 3)])
    assert np.array_equal(table.numpy(), vectors(1, 2, 3).numpy())
