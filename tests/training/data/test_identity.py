import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.identity import IdSet, hash_id, is_good_id, map_id
from training.data.quarantine import BadField, Reason

GOOD = re.compile(r"\A[A-Za-z0-9_.:@/-]{1,128}\Z")
any_text = st.text(st.characters(exclude_categories=["Cs"]))


@given(any_text)
def test_good_ids_are_those_of_the_pattern(text: str) -> None:
    assert is_good_id(text) == bool(GOOD.match(text))


def test_a_line_break_at_the_end_is_no_good_id() -> None:
    assert not is_good_id("alice\n")


@given(st.from_regex(GOOD))
def test_good_ids_stay_as_they_are(text: str) -> None:
    assert map_id(text) == text


@given(any_text.filter(lambda text: bool(text.strip())))
def test_every_text_maps_to_a_good_id(text: str) -> None:
    assert is_good_id(map_id(text))


@given(any_text.filter(lambda t: bool(t.strip())), any_text.filter(lambda t: bool(t.strip())))
def test_different_texts_map_to_different_ids(one: str, two: str) -> None:
    same = unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", two)
    assert (map_id(one) == map_id(two)) == same


def test_two_encodings_of_one_letter_are_one_id() -> None:
    assert map_id("J\u00f6rg") == map_id("Jo\u0308rg")
    assert map_id("J\u00f6rg").startswith("J_rg-")


@pytest.mark.parametrize(
    ("text", "reason"), [("", Reason.MISSING), ("  ", Reason.MISSING), ("a\udcff", "broken UTF-8")]
)
def test_what_has_no_id(text: str, reason: str) -> None:
    with pytest.raises(BadField) as caught:
        map_id(text)
    assert caught.value.reason == reason


def test_parts_of_a_hash_do_not_run_together() -> None:
    assert hash_id("ab", "c") != hash_id("a", "bc")
    assert hash_id("a\udcff") != 0


@given(st.lists(st.lists(st.integers(0, 60), max_size=30), max_size=12))
def test_id_set_equals_a_python_set(calls: list[list[int]]) -> None:
    fast, slow = IdSet(), set[int]()
    for values in calls:
        fresh = fast.add(np.array(values, dtype=np.uint64))
        for value, is_fresh in zip(values, fresh.tolist(), strict=True):
            assert is_fresh == (value != 0 and value not in slow)
            if value:
                slow.add(value)
        assert len(fast) == len(slow)
        probe = np.arange(61, dtype=np.uint64)
        assert fast.contains(probe).tolist() == [int(value) in slow for value in probe]
    assert all(value in fast for value in slow)
