"""The checks of single rows: raw rows in, one table out that holds the good and the bad in order.

Pure but for reading images from the image folder; what needs other rows (duplicates, references)
is in `ledger.py`.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import pyarrow as pa

from training.data import fields
from training.data.config import DataConfig
from training.data.forgotten import NOBODY, REASON, Forgotten
from training.data.identity import hash_id
from training.data.image_files import ImageFolder
from training.data.images import check_image
from training.data.quarantine import BadField, Reason, printable, raw_json
from training.data.raw import Malformed, RawRow
from training.data.tables import CHECKED

_BATCH_ROWS = 1024
_BATCH_BYTES = 1 << 25
_LONGEST_LANGUAGE = 35  # of a BCP 47 tag that anybody uses
_LONGEST_CATEGORY = 200

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What a row is held against.

    Attributes:
        config: the limits.
        now: microseconds since 1970; later dates are refused.
        forgotten: whose rows are left out.
    """

    config: DataConfig
    now: int
    forgotten: Forgotten = NOBODY


def check_rows(table: str, rows: Iterable[RawRow], file: str, rules: Rules) -> Iterator[pa.Table]:
    """Check rows one by one: tables of `CHECKED[table]` in the order of the rows, of bounded size.

    A bad row has `_reason` set and none of its own columns; a good one the other way round. Of a
    forgotten row nothing is left but its place, and for a post its `_key`.
    """
    checker = _Checker(table, rules)
    batch: list[dict[str, Any]] = []
    held = 0
    for row in rows:
        checked = checker(row)
        checked["_file"], checked["_row"] = file, row.number
        held += len(checked.get("image") or b"") + len(checked.get("_bad_image") or b"") + 500
        batch.append(checked)
        if len(batch) >= _BATCH_ROWS or held >= _BATCH_BYTES:
            yield pa.Table.from_pylist(batch, schema=CHECKED[table])
            batch, held = [], 0
    if batch:
        yield pa.Table.from_pylist(batch, schema=CHECKED[table])


class _Checker:
    """The checks of one table's rows."""

    def __init__(self, table: str, rules: Rules) -> None:
        self._table, self._rules = table, rules
        self._config = config = rules.config
        self._folder = (
            ImageFolder(config.image_folder, config.images) if config.image_folder else None
        )
        self._check = {"posts": self._post, "reactions": self._reaction, "users": self._user}[table]

    def __call__(self, row: RawRow) -> dict[str, Any]:
        values = row.values
        if self._rules.forgotten.row(self._table, values, self._config):
            return self._forgotten(values)
        if isinstance(values, Malformed):
            bad = BadField(values.reason, values.detail)
            return _quarantined(bad, {"line": values.text})
        try:
            return self._check(values)
        except BadField as bad:
            return _quarantined(bad, values)

    def _forgotten(self, values: dict[str, Any] | Malformed) -> dict[str, Any]:
        """Only the place of a row; a post's key goes along, as reactions may name it."""
        if self._table != "posts" or isinstance(values, Malformed):
            return {"_reason": REASON}
        try:
            return {"_reason": REASON, "_key": hash_id(self._id(values, "post_id")[0])}
        except BadField:
            return {"_reason": REASON}

    def _post(self, row: dict[str, Any]) -> dict[str, Any]:
        post_id, user_id, mapped = self._ids(row, "post_id", "user_id")
        config = self._config
        get = row.get
        clean = {
            "post_id": post_id,
            "user_id": user_id,
            "tags": _field("tags", fields.parse_tags, get("tags"), config),
            "created_at": _field("created_at", fields.parse_date, get("created_at"), self._now),
            "language": _field(
                "language", fields.parse_text, get("language"), config, _LONGEST_LANGUAGE
            ),
            "private": _field("private", fields.parse_flag, get("private")),
            "category": _field(
                "category", fields.parse_text, get("category"), config, _LONGEST_CATEGORY
            ),
            **self._content(row),
        }
        if clean["text"] is None and clean["image"] is None:
            raise BadField(Reason.EMPTY_POST, "neither text nor image")
        return clean | {"_key": hash_id(post_id), "_user": hash_id(user_id), "_mapped": mapped}

    def _user(self, row: dict[str, Any]) -> dict[str, Any]:
        user_id, mapped = self._id(row, "user_id")
        key = hash_id(user_id)
        ledger = {"_key": key, "_user": key, "_mapped": mapped}
        return {"user_id": user_id, **self._content(row), **ledger}

    def _reaction(self, row: dict[str, Any]) -> dict[str, Any]:
        user_id, post_id, mapped = self._ids(row, "user_id", "post_id")
        kind = _field("kind", fields.parse_kind, row.get("kind"), self._config)
        value = _field("value", fields.parse_value, row.get("value"))
        created_at = _field("created_at", fields.parse_date, row.get("created_at"), self._now)
        if created_at is None:
            raise _named("created_at", BadField(Reason.MISSING))
        return {
            "user_id": user_id,
            "post_id": post_id,
            "kind": kind,
            "value": value,
            "created_at": created_at,
            "_key": hash_id(user_id, post_id, kind, str(created_at)),
            "_user": hash_id(user_id),
            "_post": hash_id(post_id),
            "_mapped": mapped,
        }

    @property
    def _now(self) -> int:
        return self._rules.now

    def _ids(self, row: dict[str, Any], first: str, second: str) -> tuple[str, str, Any]:
        one, mapped_one = self._id(row, first)
        two, mapped_two = self._id(row, second)
        return one, two, (mapped_one or []) + (mapped_two or []) or None

    def _id(self, row: dict[str, Any], name: str) -> tuple[str, list[dict[str, str]] | None]:
        good, original = _field(name, fields.parse_id, row.get(name), self._config)
        return good, None if original is None else [{"id": good, "original": original}]

    def _content(self, row: dict[str, Any]) -> dict[str, Any]:
        text = _field("text", fields.parse_text, row.get("text"), self._config)
        image = _field("image", self._image, row.get("image"))
        return {
            "text": text,
            "image": image,
            "text_hash": None if text is None else content_hash(text.encode()),
            "image_hash": None if image is None else content_hash(image),
        }

    def _image(self, value: Any) -> bytes | None:
        """The bytes of an image given as such, by path, or as `{bytes, path}`; checked."""
        if isinstance(value, dict):
            value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        if isinstance(value, str) and value.strip():
            if self._folder is None:
                raise BadField(Reason.IMAGE_NOT_FOUND, "a path, and image_folder is not set")
            value = self._folder.read(value)
        elif value is None or isinstance(value, str):
            return None
        if not isinstance(value, bytes):
            detail = f"must be bytes or a path, is {type(value).__name__}"
            raise BadField(Reason.WRONG_TYPE, detail)
        try:
            check_image(value, self._config.images)
        except BadField as bad:
            bad.image = value
            raise
        return value


def content_hash(data: bytes) -> str:
    """Blake2b-128 in hexadecimal: equal content, equal hash."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _field(name: str, parse: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Parse one field; if it is bad, say which."""
    try:
        return parse(*args, **kwargs)
    except BadField as bad:
        raise _named(name, bad) from None


def _named(name: str, bad: BadField) -> BadField:
    bad.field = name
    return bad


def _quarantined(bad: BadField, raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "_field": bad.field,
        "_reason": str(bad.reason),
        "_detail": printable(bad.detail),  # may quote the bad value
        "_raw": raw_json(raw),
        "_bad_image": bad.image,
    }
