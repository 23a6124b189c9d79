"""Query parameters; unknown ones are errors, so that a misspelt one isn't passed over."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from serving.wire.fields import PAGE, Category, Cursor, Language, Message, Moment, Tag, UserId
from serving.wire.search import Filters


def _whole_number(value: Any) -> Any:
    """Pydantic also reads `+1`, `1.0` and `1_0`, which the schema doesn't promise."""
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        raise ValueError("must be a whole number")
    return value


_Limit = Annotated[int, Field(ge=1, le=PAGE), BeforeValidator(_whole_number)]


class CountQuery(Message):
    """How many."""

    limit: _Limit = 20
    """Answers at most."""


class PageQuery(CountQuery):
    """Which page."""

    cursor: Cursor | SkipJsonSchema[None] = None
    """`next_cursor` of the page before."""


class UsersQuery(PageQuery):
    """Which people."""

    prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:@/-]{0,128}$")] = ""
    """Beginning of their ids."""


class RecommendationsQuery(PageQuery):
    """Which recommendations."""

    author: Annotated[list[UserId], Field(max_length=100)] = []  # noqa: RUF012  pydantic copies it
    """Posts by one of these; repeatable."""
    language: Annotated[list[Language], Field(max_length=20)] = []  # noqa: RUF012
    """Posts in one of these; repeatable."""
    created_after: Moment | SkipJsonSchema[None] = None
    created_before: Moment | SkipJsonSchema[None] = None
    tag: Annotated[list[Tag], Field(max_length=20)] = []  # noqa: RUF012
    """Posts with one of these at least; repeatable."""
    not_tag: Annotated[list[Tag], Field(max_length=100)] = []  # noqa: RUF012
    """Posts with none of these; repeatable."""
    category: Annotated[list[Category], Field(max_length=20)] = []  # noqa: RUF012
    """Posts in one of these; repeatable."""

    def filters(self) -> Filters:
        """As a search takes them."""
        return Filters(
            authors=self.author,
            languages=self.language,
            created_after=self.created_after,
            created_before=self.created_before,
            tags=self.tag,
            not_tags=self.not_tag,
            categories=self.category,
        )
