"""Conditions on indexed rows, as values; the only place that writes Milvus filter strings.

A Milvus server takes templates: the values travel beside the expression, and none is ever part of
it. Milvus Lite has no templates, so there values must be quoted. Strings are quoted as JSON, which
agrees with Milvus' grammar on the escapes for quote, backslash, line feed, carriage return and tab;
it knows no others, so a string that would need one is refused.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from enum import StrEnum

from recsys.tags import tag_token
from training.errors import BadData

Value = str | int


class Field(StrEnum):
    """What a row can be filtered by."""

    ID = "id"
    AUTHOR = "author"
    LANGUAGE = "language"
    CREATED_AT = "created_at"
    TAGS = "tags"
    CATEGORY = "category"


Written = Callable[[Value | tuple[Value, ...]], str]
"""How a value, or a list of values, stands in an expression."""


class Filter(ABC):
    """A condition; `&` makes one condition of two."""

    @abstractmethod
    def write(self, written: Written) -> str:
        """The expression with values as `written` has them; empty where every row passes."""

    def render(self) -> str:
        """As Milvus Lite reads it, values quoted. Raises: BadData for one that can't be."""
        return self.write(_quoted)

    def template(self) -> tuple[str, dict[str, Value | list[Value]]]:
        """As a Milvus server reads it: the expression with names, and the values by name."""
        values: dict[str, Value | list[Value]] = {}

        def named(value: Value | tuple[Value, ...]) -> str:
            name = f"v{len(values)}"
            values[name] = list(value) if isinstance(value, tuple) else value
            return f"{{{name}}}"

        return self.write(named), values

    @abstractmethod
    def within(self, fields: Container[str]) -> "Filter":
        """The part of the condition that rows with only these fields can be asked."""

    def __and__(self, other: "Filter") -> "Filter":
        return Both(self, other)


@dataclass(frozen=True)
class Everything(Filter):
    """All rows."""

    def write(self, written: Written) -> str:
        return ""

    def within(self, fields: Container[str]) -> Filter:
        return self


@dataclass(frozen=True)
class OfField(Filter):
    """A condition on one field."""

    field: Field

    def within(self, fields: Container[str]) -> Filter:
        return self if self.field in fields else Everything()


@dataclass(frozen=True)
class Equal(OfField):
    """The field has this value."""

    value: Value

    def write(self, written: Written) -> str:
        return f"{self.field} == {written(self.value)}"


@dataclass(frozen=True)
class Differs(OfField):
    """The field has another value."""

    value: Value

    def write(self, written: Written) -> str:
        return f"{self.field} != {written(self.value)}"


@dataclass(frozen=True)
class Among(OfField):
    """The field has one of these values; of none, no row passes."""

    values: tuple[Value, ...]

    def write(self, written: Written) -> str:
        return f"{self.field} in {written(self.values)}"


@dataclass(frozen=True)
class Without(OfField):
    """The field has none of these values; of none, every row passes."""

    values: tuple[Value, ...]

    def write(self, written: Written) -> str:
        return f"{self.field} not in {written(self.values)}" if self.values else ""


@dataclass(frozen=True)
class HasAny(OfField):
    """The field, which holds tags, has one of these; of none, no row passes."""

    tags: tuple[str, ...]

    def write(self, written: Written) -> str:
        # tokens are of hexadecimal digits, so neither quotes nor wildcards can be among them
        each = [f'{self.field} like "% {tag_token(tag)} %"' for tag in self.tags]
        return " or ".join(each) if each else f"{self.field} in {written(())}"


@dataclass(frozen=True)
class HasNone(OfField):
    """The field, which holds tags, has none of these; of none, every row passes."""

    tags: tuple[str, ...]

    def write(self, written: Written) -> str:
        return f"not ({HasAny(self.field, self.tags).write(written)})" if self.tags else ""


@dataclass(frozen=True)
class AtLeast(OfField):
    """The field's number is this or more; a row without a number doesn't pass."""

    value: int

    def write(self, written: Written) -> str:
        return f"{self.field} >= {written(self.value)}"


@dataclass(frozen=True)
class AtMost(OfField):
    """The field's number is this or less; a row without a number doesn't pass."""

    value: int

    def write(self, written: Written) -> str:
        return f"{self.field} <= {written(self.value)}"


@dataclass(frozen=True)
class Both(Filter):
    """Two conditions at once."""

    left: Filter
    right: Filter

    def write(self, written: Written) -> str:
        parts = [part for part in (self.left.write(written), self.right.write(written)) if part]
        return " and ".join(f"({part})" for part in parts) if len(parts) == 2 else "".join(parts)

    def within(self, fields: Container[str]) -> Filter:
        return Both(self.left.within(fields), self.right.within(fields))


def among_ids(ids: Iterable[str]) -> Filter:
    """Rows with one of these ids."""
    return Among(Field.ID, tuple(ids))


def without_ids(ids: Iterable[str]) -> Filter:
    """Rows with none of these ids; sorted, so that equal sets make equal requests."""
    return Without(Field.ID, tuple(sorted(ids)))


_UNQUOTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def _literal(value: Value) -> str:
    """Raises: BadData for a string that can't be quoted."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise TypeError(f"a filter compares with text or whole numbers, not {value!r}")
    if isinstance(value, int):
        return str(value)
    if _UNQUOTABLE.search(value):
        raise BadData(
            f"can't filter by {value!r:.80}: it holds a control character or a broken code point",
            hint="remove it; line breaks and tabs are allowed",
        )
    return json.dumps(value, ensure_ascii=False)


def _quoted(value: Value | tuple[Value, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_literal(one) for one in value)}]"
    return _literal(value)
