import io
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from training.data.config import DataConfig
from training.data.fields import Microseconds
from training.data.identity import hash_id
from training.data.quarantine import Reason, raw_json
from training.data.raw import Malformed, RawRow
from training.data.tables import CHECKED
from training.data.validate import Rules, check_rows, content_hash

NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp()) * 10**6


def picture(seed: int = 0, side: int = 12) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def check(
    table: str, rows: Iterable[dict[str, Any] | Malformed], config: DataConfig | None = None
) -> list[dict[str, Any]]:
    raw = [RawRow(number, values) for number, values in enumerate(rows, start=1)]
    rules = Rules(config or DataConfig(), NOW)
    blocks = list(check_rows(table, raw, "file", rules))
    assert all(block.schema == CHECKED[table] for block in blocks)
    return [row for block in blocks for row in block.to_pylist()]


POST = {"post_id": "p/1", "user_id": "ann", "text": "hello"}


def test_a_good_post() -> None:
    image = picture()
    given_row = POST | {
        "image": image,
        "tags": ["a"],
        "created_at": "2024-05-01",
        "language": "de",
        "private": "true",
        "category": "greetings",
        "unknown": object(),
    }
    (row,) = check("posts", [given_row])
    assert row["_reason"] is None and row["_row"] == 1 and row["_file"] == "file"
    assert row["image"] == image and row["image_hash"] == content_hash(image)
    assert row["text_hash"] == content_hash(b"hello")
    assert row["created_at"] == datetime(2024, 5, 1, tzinfo=UTC)
    assert (row["private"], row["language"], row["category"]) == (True, "de", "greetings")
    assert (row["_key"], row["_user"]) == (hash_id("p/1"), hash_id("ann"))


def test_either_modality_may_be_missing() -> None:
    only_text, only_image = check(
        "posts", [POST, {"post_id": 2, "user_id": 3, "image": picture(), "text": " "}]
    )
    assert only_text["image"] is None and only_text["image_hash"] is None
    assert only_image["text"] is None and only_image["text_hash"] is None
    assert only_image["post_id"] == "2" and only_image["user_id"] == "3"
    assert only_text["_reason"] is None and only_image["_reason"] is None
    assert (only_text["private"], only_text["tags"]) == (False, [])


BAD_POSTS = [
    ({"text": None}, None, Reason.EMPTY_POST),
    ({"text": "\u200b", "image": ""}, None, Reason.EMPTY_POST),
    ({"post_id": None}, "post_id", Reason.MISSING),
    ({"user_id": 'quote"d'}, "user_id", Reason.BAD_ID),
    ({"post_id": "back\\slash"}, "post_id", Reason.BAD_ID),
    ({"post_id": "x" * 129}, "post_id", Reason.BAD_ID),
    ({"user_id": 1.5}, "user_id", Reason.WRONG_TYPE),
    ({"text": 5}, "text", Reason.WRONG_TYPE),
    ({"text": "caf\udce9"}, "text", Reason.BROKEN_UTF8),
    ({"text": "nul\0"}, "text", Reason.CONTROL_CHARACTERS),
    ({"text": "m" * 2**20}, "text", Reason.TOO_LONG),
    ({"tags": {"a": 1}}, "tags", Reason.WRONG_TYPE),
    ({"tags": ["\x07"]}, "tags", Reason.CONTROL_CHARACTERS),
    ({"created_at": math.nan}, "created_at", Reason.NOT_A_DATE),
    ({"created_at": "caf\udce9"}, "created_at", Reason.NOT_A_DATE),
    ({"created_at": 1e308}, "created_at", Reason.FUTURE_DATE),
    ({"created_at": "NaT"}, "created_at", Reason.NOT_A_DATE),
    ({"created_at": Microseconds(2**62)}, "created_at", Reason.FUTURE_DATE),
    ({"language": "x" * 36}, "language", Reason.TOO_LONG),
    ({"private": "perhaps"}, "private", Reason.WRONG_TYPE),
    ({"category": []}, "category", Reason.WRONG_TYPE),
    ({"image": b""}, "image", Reason.IMAGE_UNREADABLE),
    ({"image": b"no image"}, "image", Reason.IMAGE_UNREADABLE),
    ({"image": picture()[:-200]}, "image", Reason.IMAGE_TRUNCATED),
    ({"image": 7}, "image", Reason.WRONG_TYPE),
    ({"image": {"bytes": None, "path": "a.png"}}, "image", Reason.IMAGE_NOT_FOUND),
    ({"image": "a.png"}, "image", Reason.IMAGE_NOT_FOUND),
]


@pytest.mark.parametrize(("change", "field", "reason"), BAD_POSTS)
def test_bad_posts(change: dict[str, Any], field: str | None, reason: str) -> None:
    good, bad, after = check("posts", [POST, POST | change, POST])
    assert good["_reason"] is None and after["_reason"] is None
    assert (bad["_row"], bad["_field"], bad["_reason"]) == (2, field, reason)
    assert all(bad[name] is None for name in ("post_id", "text", "image", "_key"))
    assert set(json.loads(bad["_raw"])) == {*POST, *change}


def test_the_bytes_of_a_bad_image_are_kept() -> None:
    bad, fine = check("posts", [POST | {"image": b"no image"}, POST | {"image": picture()}])
    assert bad["_bad_image"] == b"no image"
    assert fine["_bad_image"] is None
    assert json.loads(bad["_raw"])["image"] == {"bytes": 8}


def test_what_a_bad_value_holds_reaches_no_terminal() -> None:
    (row,) = check("posts", [POST | {"created_at": "\x1b]0;title\x07\udcff \u202e"}])
    assert row["_detail"] == r"\x1b]0;title\x07\udcff \u202e"


def test_malformed_rows_keep_their_line() -> None:
    (row,) = check("posts", [Malformed(Reason.MALFORMED, "not JSON", '{"post')])
    assert (row["_reason"], row["_field"]) == (Reason.MALFORMED, None)
    assert json.loads(row["_raw"]) == {"line": '{"post'}


def test_images_by_path(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(picture())
    (tmp_path / "images" / "bad.png").write_bytes(b"bad")
    (tmp_path / "secret.png").write_bytes(picture())
    config = DataConfig(image_folder=str(tmp_path / "images"))
    paths = ["a.png", {"bytes": None, "path": "a.png"}, "bad.png", "../secret.png", "b.png"]
    paths += ["http://127.0.0.1/a.png"]
    rows = check("posts", [POST | {"image": path} for path in paths], config)
    assert [row["image"] for row in rows[:2]] == [picture()] * 2
    assert [row["_reason"] for row in rows[2:]] == [
        Reason.IMAGE_UNREADABLE,
        Reason.IMAGE_OUTSIDE,
        Reason.IMAGE_NOT_FOUND,
        Reason.IMAGE_URL,
    ]
    assert rows[2]["_bad_image"] == b"bad" and rows[3]["_bad_image"] is None


def test_mapped_ids_come_with_their_originals() -> None:
    row, plain = check("posts", [POST | {"user_id": "Jörg M."}, POST], DataConfig(ids="map"))
    (pair,) = row["_mapped"]
    assert pair == {"id": row["user_id"], "original": "Jörg M."}
    assert plain["_mapped"] is None


REACTION = {"user_id": "bob", "post_id": "p/1", "kind": "like", "created_at": "2024-05-01"}


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"kind": "lick"}, "kind", Reason.UNKNOWN_KIND),
        ({"kind": None}, "kind", Reason.MISSING),
        ({"value": math.inf}, "value", Reason.NOT_FINITE),
        ({"value": "much"}, "value", Reason.WRONG_TYPE),
        ({"created_at": None}, "created_at", Reason.MISSING),
        ({"created_at": "2999-01-01"}, "created_at", Reason.FUTURE_DATE),
        ({"created_at": math.nan}, "created_at", Reason.NOT_A_DATE),
        ({"post_id": ""}, "post_id", Reason.MISSING),
        ({"user_id": "a b"}, "user_id", Reason.BAD_ID),
    ],
)
def test_bad_reactions(change: dict[str, Any], field: str, reason: str) -> None:
    good, bad = check("reactions", [REACTION | {"value": 2}, REACTION | change])
    assert good["_reason"] is None and good["value"] == 2.0
    assert (bad["_row"], bad["_field"], bad["_reason"]) == (2, field, reason)


def test_users() -> None:
    ann, bob, bad = check(
        "users",
        [{"user_id": "ann", "text": "hi", "image": picture()}, {"user_id": "bob"}, {"text": "x"}],
    )
    assert ann["text"] == "hi" and ann["image"] == picture() and ann["_key"] == hash_id("ann")
    assert bob["text"] is None and bob["_reason"] is None
    assert (bad["_field"], bad["_reason"]) == ("user_id", Reason.MISSING)


def test_blocks_are_bounded_by_bytes_and_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = Rules(DataConfig(), NOW)
    rows = [RawRow(i, POST) for i in range(2500)]
    sizes = [len(block) for block in check_rows("posts", rows, "file", rules)]
    assert sizes == [1024, 1024, 452]
    monkeypatch.setattr("training.data.validate._BATCH_BYTES", 3000)
    rows = [RawRow(i, POST | {"image": picture(side=20)}) for i in range(7)]
    assert max(len(block) for block in check_rows("posts", rows, "file", rules)) <= 2


texts = st.text(st.characters(exclude_categories=()))  # lone surrogates too: broken UTF-8
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=50),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(texts, parts, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted({*POST, *REACTION, "image", "tags"})), junk))
def test_no_row_whatever_it_holds_ends_the_check(row: dict[str, Any]) -> None:
    config = DataConfig(image_folder=gettempdir())
    for table in ("posts", "reactions", "users"):
        (checked,) = check(table, [row], config)
        if checked["_reason"] is None:
            assert checked["user_id"]
        else:
            json.loads(checked["_raw"])


@given(junk)
def test_raw_rows_are_short_valid_ascii_json(row: Any) -> None:
    text = raw_json({"row": row, "long": ["x" * 10_000] * 20})
    assert text.isascii() and len(text) < 5000
    json.loads(text)


def test_raw_rows_of_any_depth_and_width() -> None:
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    wide = {f"key {i}": "y" * 600 for i in range(1000)}
    for row in (deep, wide, {"a": deep, "b": wide}):
        assert len(raw_json(row)) < 10_000
        json.loads(raw_json(row))
