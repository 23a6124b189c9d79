"""Rows of files as records, checked one at a time; a bad one says which field and why."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from recsys.events.boundaries import LONGEST_TAG, OF_PEOPLE, Boundary, BoundaryKind
from recsys.events.pictures import StoredPicture, displayed
from recsys.events.records import Person, Post, Reaction
from recsys.events.writing import reaction_id
from training.data import fields
from training.data.config import DataConfig
from training.data.image_files import ImageFolder
from training.data.images import check_image
from training.data.quarantine import BadField, Reason
from training.data.validate import content_hash

T = TypeVar("T")
_LANGUAGE, _CATEGORY, _KEY = 35, 200, 128
_HEX = frozenset("0123456789abcdef")
_1970 = datetime(1970, 1, 1, tzinfo=UTC)


class TableName(StrEnum):
    """What a file may hold, in the order in which files are read."""

    DELETED = "deleted"
    USERS = "users"
    POSTS = "posts"
    REACTIONS = "reactions"
    BOUNDARIES = "boundaries"


COLUMNS = {
    TableName.DELETED: ("digest", "created_at"),
    TableName.USERS: ("user_id", "text", "image", "image_hash"),
    TableName.POSTS: (
        "post_id",
        "user_id",
        "text",
        "image",
        "tags",
        "created_at",
        "language",
        "private",
        "category",
        "image_hash",
    ),
    TableName.REACTIONS: (
        "user_id",
        "post_id",
        "kind",
        "value",
        "created_at",
        "key",
        "reaction_id",
    ),
    TableName.BOUNDARIES: ("user_id", "kind", "target", "created_at"),
}
"""The columns that are read; an export writes them all but `key`, which senders choose."""

REQUIRED = {
    TableName.DELETED: ("digest",),
    TableName.USERS: ("user_id",),
    TableName.POSTS: ("post_id", "user_id"),
    TableName.REACTIONS: ("user_id", "post_id", "kind"),
    TableName.BOUNDARIES: ("user_id", "kind", "target"),
}


@dataclass(frozen=True)
class Keyed:
    """A reaction and the id that it is known by."""

    id: str
    reaction: Reaction


@dataclass(frozen=True)
class Shown:
    """A post or person and the picture that came along."""

    record: Post | Person
    picture: StoredPicture | None


Record = Shown | Keyed | Boundary | str
"""Of a row: a post or person, a reaction, a boundary, or the digest of what was deleted."""


class RowReader:
    """Reads rows of all tables.

    Args:
        config: the limits of texts, tags and images, and the kinds of reactions.
        now: later dates than a day from here are refused.
        images: that paths in rows are relative to.
    """

    def __init__(self, config: DataConfig, now: datetime, images: ImageFolder | None) -> None:
        self._config = config
        self._now = (now - _1970) // timedelta(microseconds=1)
        self._images = images

    def __call__(self, table: TableName, row: dict[str, Any]) -> Record:
        """A row as a record. Raises: BadField naming the field and what is wrong with it."""
        match table:
            case TableName.POSTS:
                return self._post(row)
            case TableName.REACTIONS:
                return self._reaction(row)
            case TableName.USERS:
                return self._person(row)
            case TableName.BOUNDARIES:
                return self._boundary(row)
            case TableName.DELETED:
                return _field("digest", lambda: _hex(row.get("digest"), required=True) or "")

    def _post(self, row: dict[str, Any]) -> Shown:
        config = self._config
        hash, picture = self._picture(row)
        category = row.get("category")
        post = Post(
            post_id=self._id(row, "post_id"),
            user_id=self._id(row, "user_id"),
            text=_field("text", lambda: fields.parse_text(row.get("text"), config)),
            tags=tuple(_field("tags", lambda: fields.parse_tags(_list(row.get("tags")), config))),
            created_at=self._date(row),
            language=_field(
                "language", lambda: fields.parse_text(row.get("language"), config, _LANGUAGE)
            ),
            private=_field("private", lambda: fields.parse_flag(row.get("private"))),
            image_hash=hash,
            category=_field("category", lambda: fields.parse_text(category, config, _CATEGORY)),
        )
        if post.text is None and hash is None:
            raise BadField(Reason.EMPTY_POST, "neither text nor image")
        return Shown(post, picture)

    def _person(self, row: dict[str, Any]) -> Shown:
        hash, picture = self._picture(row)
        text = _field("text", lambda: fields.parse_text(row.get("text"), self._config))
        return Shown(Person(self._id(row, "user_id"), text, hash), picture)

    def _reaction(self, row: dict[str, Any]) -> Keyed:
        reaction = Reaction(
            user_id=self._id(row, "user_id"),
            post_id=self._id(row, "post_id"),
            kind=_field("kind", lambda: self._kind(row.get("kind"))),
            value=_field("value", lambda: fields.parse_value(row.get("value"))),
            created_at=self._date(row),
        )
        key = _field("key", lambda: _key(row.get("key")))
        known = _field("reaction_id", lambda: _hex(row.get("reaction_id")))
        if reaction.created_at is None and not key and not known:
            detail = "a reaction needs a date, or a key, by which it is known when it comes again"
            raise _named("created_at", BadField(Reason.MISSING, detail))
        return Keyed(known or reaction_id(reaction, key), reaction)

    def _boundary(self, row: dict[str, Any]) -> Boundary:
        user_id, kind = self._id(row, "user_id"), _field("kind", lambda: _boundary_kind(row))
        if kind is BoundaryKind.MUTED_TAG:
            target = _field(
                "target", lambda: fields.parse_text(row.get("target"), self._config, LONGEST_TAG)
            )
            if target is None:
                raise _named("target", BadField(Reason.MISSING))
        else:
            target = self._id(row, "target")
        if kind in OF_PEOPLE and target == user_id:
            raise _named("target", BadField(Reason.BAD_ID, "nobody is kept from themselves"))
        return Boundary(user_id, kind, target, self._date(row))

    def _id(self, row: dict[str, Any], name: str) -> str:
        return _field(name, lambda: fields.parse_id(row.get(name), self._config)[0])

    def _date(self, row: dict[str, Any]) -> datetime | None:
        found = _field("created_at", lambda: fields.parse_date(row.get("created_at"), self._now))
        return None if found is None else _1970 + timedelta(microseconds=int(found))

    def _kind(self, value: Any) -> str:
        try:
            return fields.parse_kind(value, self._config)
        except BadField as bad:
            if bad.reason is Reason.UNKNOWN_KIND:
                allowed = ", ".join(sorted(self._config.reaction_kinds))
                raise BadField(bad.reason, f"{value!r:.50}; allowed: {allowed}") from None
            raise

    def _picture(self, row: dict[str, Any]) -> tuple[str | None, StoredPicture | None]:
        """The hash under which a row shows a picture, and the picture if it came along."""
        data = _field("image", lambda: self._image(row.get("image")))
        given = _field("image_hash", lambda: _hex(row.get("image_hash")))
        if data is None:
            return given, None
        return given or content_hash(data), displayed(data)

    def _image(self, value: Any) -> bytes | None:
        if isinstance(value, dict):
            value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        if isinstance(value, str) and value.strip():
            if self._images is None:
                raise BadField(Reason.IMAGE_NOT_FOUND, "a path, and image_folder is not set")
            value = self._images.read(value)
        if value is None or isinstance(value, str):
            return None
        if not isinstance(value, bytes):
            raise BadField(Reason.WRONG_TYPE, "must be bytes or a path")
        check_image(value, self._config.images)
        return value


def tags_as_text(tags: tuple[str, ...]) -> str:
    """Tags as one cell of a CSV file, as `a|b`; as JSON where a tag would be read wrongly so."""
    if any("|" in tag for tag in tags) or (tags and tags[0].startswith("[")):
        return json.dumps(tags, ensure_ascii=False)
    return "|".join(tags)


def _list(value: Any) -> Any:
    """Tags that are JSON in a cell as a list."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _boundary_kind(row: dict[str, Any]) -> BoundaryKind:
    try:
        return BoundaryKind(row.get("kind"))
    except ValueError:
        allowed = ", ".join(BoundaryKind)
        detail = f"{row.get('kind')!r:.50}; allowed: {allowed}"
        raise BadField(Reason.UNKNOWN_KIND, detail) from None


def _key(value: Any) -> str | None:
    text = str(value).strip() if isinstance(value, str | int) else value
    if text is None or text == "":
        return None
    if not isinstance(text, str) or not text.isprintable() or len(text) > _KEY:
        raise BadField(Reason.BAD_ID, f"must be 1 to {_KEY} printable characters")
    return text


def _hex(value: Any, *, required: bool = False) -> str | None:
    if value is None or value == "":
        if required:
            raise BadField(Reason.MISSING)
        return None
    if not isinstance(value, str) or len(value) != 32 or not _HEX.issuperset(value):
        raise BadField(Reason.BAD_ID, "must be 32 hexadecimal digits")
    return value


def _field(name: str, parse: Callable[[], T]) -> T:
    """Parse one field; if it is bad, say which."""
    try:
        return parse()
    except BadField as bad:
        raise _named(name, bad) from None


def _named(name: str, bad: BadField) -> BadField:
    bad.field = name
    return bad
