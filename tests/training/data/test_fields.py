import math
import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data import fields
from training.data.config import DataConfig
from training.data.fields import Microseconds
from training.data.quarantine import BadField, Reason

CONFIG = DataConfig()
NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 10**6
DAY = 86_400 * 10**6


def reason_of(parse: Any, *args: Any) -> str:
    with pytest.raises(BadField) as caught:
        parse(*args)
    return str(caught.value.reason)


def us(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 10**6)  # type: ignore[arg-type, misc]


def test_ids() -> None:
    assert fields.parse_id("animals/2_dead.frogs:a@b-c", CONFIG) == (
        "animals/2_dead.frogs:a@b-c",
        None,
    )
    assert fields.parse_id(17, CONFIG) == ("17", None)
    mapping = DataConfig(ids="map")
    good, original = fields.parse_id('quote"d', mapping)
    assert good.startswith("quote_d-") and original == 'quote"d'


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.MISSING),
        ("", Reason.MISSING),
        (" ", Reason.MISSING),
        (True, Reason.WRONG_TYPE),
        (1.0, Reason.WRONG_TYPE),
        (["a"], Reason.WRONG_TYPE),
        (Microseconds(1), Reason.WRONG_TYPE),
        ("a b", Reason.BAD_ID),
        ("a\\b", Reason.BAD_ID),
        ("a\n", Reason.BAD_ID),
        ("ä", Reason.BAD_ID),
        ("a" * 129, Reason.BAD_ID),
        ("a\udcff", Reason.BROKEN_UTF8),
    ],
)
def test_bad_ids(value: Any, reason: str) -> None:
    assert reason_of(fields.parse_id, value, CONFIG) == reason


@given(st.text(), st.booleans())
def test_cleaning_a_text_twice_changes_nothing(text: str, remove: bool) -> None:
    try:
        once = fields.clean_text(text, remove_controls=remove)
    except BadField as bad:
        assert bad.reason == Reason.CONTROL_CHARACTERS and not remove
        return
    if once is not None:
        assert fields.clean_text(once, remove_controls=False) == once
        assert once == once.strip() == unicodedata.normalize("NFC", once)
        assert "\r" not in once
        assert all(letter in "\n\t" or unicodedata.category(letter) != "Cc" for letter in once)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), min_size=1))
def test_cleaning_loses_no_words(text: str) -> None:
    kept = fields.clean_text(text, remove_controls=False)
    assert (kept or "").split() == unicodedata.normalize("NFC", text).split()


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (" two\r\nlines\rthree ", "two\nlines\nthree"),
        ("\ufeffmarked", "marked"),
        ("\u200b \u00a0", None),
        ("", None),
        ("👩\u200d🚀 tab\tkept", "👩\u200d🚀 tab\tkept"),
    ],
)
def test_text(text: str, clean: str | None) -> None:
    assert fields.parse_text(text, CONFIG) == clean


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (7, Reason.WRONG_TYPE),
        (math.nan, Reason.WRONG_TYPE),
        ({}, Reason.WRONG_TYPE),
        ("x" * 1_000_000, Reason.TOO_LONG),
        ("caf\udce9", Reason.BROKEN_UTF8),
        ("nul\0", Reason.CONTROL_CHARACTERS),
        ("escape\x1b[31m", Reason.CONTROL_CHARACTERS),
        ("c1 \x9a", Reason.CONTROL_CHARACTERS),
    ],
)
def test_bad_text(value: Any, reason: str) -> None:
    assert reason_of(fields.parse_text, value, CONFIG) == reason


def test_control_characters_are_removed_where_the_setting_says_so() -> None:
    config = DataConfig(control_characters="remove")
    assert fields.parse_text("a\0b\x9a", config) == "ab"


def test_tags() -> None:
    assert fields.parse_tags(["a", " ", None, "b "], CONFIG) == ["a", "b"]
    assert fields.parse_tags("a|b||c", CONFIG) == ["a", "b", "c"]
    assert fields.parse_tags(None, CONFIG) == []
    assert reason_of(fields.parse_tags, 3, CONFIG) == Reason.WRONG_TYPE
    assert reason_of(fields.parse_tags, [3], CONFIG) == Reason.WRONG_TYPE
    assert reason_of(fields.parse_tags, ["a"] * 201, CONFIG) == Reason.TOO_LONG


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (" ", None),
        ("2024-05-01T12:00:00Z", us(2024, 5, 1, 12)),
        ("2024-05-01T12:00:00+02:00", us(2024, 5, 1, 10)),
        ("2024-05-01 12:00", us(2024, 5, 1, 12)),
        ("2024-05-01", us(2024, 5, 1)),
        ("20240501", us(2024, 5, 1)),
        ("1714564800", us(2024, 5, 1, 12)),
        (1714564800, us(2024, 5, 1, 12)),
        (1714564800.5, us(2024, 5, 1, 12) + 500_000),
        (Microseconds(us(2024, 5, 1)), us(2024, 5, 1)),
        (Microseconds(NOW + DAY), NOW + DAY),
    ],
)
def test_dates(value: Any, expected: int | None) -> None:
    assert fields.parse_date(value, NOW) == expected


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (math.nan, Reason.NOT_A_DATE),
        (math.inf, Reason.NOT_A_DATE),
        ("NaN", Reason.NOT_A_DATE),
        ("NaT", Reason.NOT_A_DATE),
        ("yesterday", Reason.NOT_A_DATE),
        ("2024-02-30", Reason.NOT_A_DATE),
        ("9" * 400, Reason.NOT_A_DATE),
        ("caf\udce9", Reason.NOT_A_DATE),
        (True, Reason.WRONG_TYPE),
        ({}, Reason.WRONG_TYPE),
        ("2999-01-01", Reason.FUTURE_DATE),
        (Microseconds(NOW + DAY + 1), Reason.FUTURE_DATE),
        (10**300, Reason.FUTURE_DATE),
        (1e308, Reason.FUTURE_DATE),
        ("1" + "0" * 305, Reason.FUTURE_DATE),
        (-1e308, Reason.OLD_DATE),
        ("1969-12-31", Reason.OLD_DATE),
        (-1, Reason.OLD_DATE),
    ],
)
def test_bad_dates(value: Any, reason: str) -> None:
    assert reason_of(fields.parse_date, value, NOW) == reason


def test_milliseconds_are_recognised() -> None:
    with pytest.raises(BadField) as caught:
        fields.parse_date(1714564800000, NOW)
    assert "milliseconds" in caught.value.detail
    with pytest.raises(BadField) as caught:
        fields.parse_date(Microseconds(NOW + 2 * DAY), NOW)
    assert "milliseconds" not in caught.value.detail


@given(st.datetimes(datetime(1970, 1, 2), datetime(2026, 5, 30), timezones=st.just(UTC)))
def test_a_date_is_the_same_as_text_and_as_a_timestamp(moment: datetime) -> None:
    exact = round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 10**6)
    assert fields.parse_date(moment.isoformat(), NOW) == exact
    assert fields.parse_date(Microseconds(exact), NOW) == exact


def test_flags() -> None:
    assert [fields.parse_flag(v) for v in (True, "true", "1", 1, " YES ")] == [True] * 5
    assert [fields.parse_flag(v) for v in (False, "no", 0, None, "")] == [False] * 5
    for value in ("maybe", 2, 0.0, []):
        assert reason_of(fields.parse_flag, value) == Reason.WRONG_TYPE


def test_values() -> None:
    parsed = [fields.parse_value(v) for v in (3, "4.5", Decimal("0.5"), None)]
    assert parsed == [3.0, 4.5, 0.5, None]
    for value in (math.nan, "inf", -math.inf):
        assert reason_of(fields.parse_value, value) == Reason.NOT_FINITE
    for value in ("many", True, b"1", [1], 10**400):
        assert reason_of(fields.parse_value, value) == Reason.WRONG_TYPE


def test_kinds() -> None:
    assert fields.parse_kind(" Like ", CONFIG) == "like"
    assert reason_of(fields.parse_kind, "lick", CONFIG) == Reason.UNKNOWN_KIND
    assert reason_of(fields.parse_kind, None, CONFIG) == Reason.MISSING
    assert reason_of(fields.parse_kind, 3, CONFIG) == Reason.WRONG_TYPE
    assert reason_of(fields.parse_kind, "l\udcff", CONFIG) == Reason.BROKEN_UTF8
    assert fields.parse_kind("poke", DataConfig(reaction_kinds=("poke",))) == "poke"
