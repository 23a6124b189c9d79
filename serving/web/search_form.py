"""The search form: what someone typed, as a request to the backend, and back into an address."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from urllib.parse import urlencode

from pydantic import ValidationError

from serving.wire.search import SearchRequest
from training.errors import BadData

TARGETS = {"posts": "Posts", "images": "Pictures", "texts": "Texts", "users": "People"}
SHOWN = 24
_NAMES = {"text": "words", "user_id": "person", "post_id": "post", "image": "picture"}


@dataclass(frozen=True)
class SearchForm:
    """All fields as text; an empty one wasn't filled in.

    Attributes:
        text: words to look for.
        person: id of a person to look around.
        post: id of a post to look around.
        text_weight: share of the words in the mix, from -1, away from them, to 1.
        image_weight: of the picture.
        person_weight: of the person.
        post_weight: of the post.
        target: what to find.
        by: ids of authors, apart by spaces or commas.
        not_by: of authors whose posts to leave out.
        language: codes of languages, likewise.
        after: first day, as `2026-01-31`.
        before: last day.
    """

    text: str = ""
    person: str = ""
    post: str = ""
    text_weight: str = "1"
    image_weight: str = "1"
    person_weight: str = "1"
    post_weight: str = "1"
    target: str = "posts"
    by: str = ""
    not_by: str = ""
    language: str = ""
    after: str = ""
    before: str = ""

    @classmethod
    def read(cls, sent: Mapping[str, Any]) -> Self:
        """Take the fields that are there; of anything else, no notice."""
        given = {field.name: sent.get(field.name) for field in fields(cls)}
        known = {name: text.strip() for name, text in given.items() if isinstance(text, str)}
        form = cls(**known)
        return form if form.target in TARGETS else replace(form, target="posts")

    @property
    def address(self) -> str:
        """Of the page with this search, but for a picture."""
        return f"/search?{urlencode(self._changed())}" if self._changed() else "/search"

    @property
    def filtered(self) -> bool:
        """Whether a filter is set."""
        return any((self.by, self.not_by, self.language, self.after, self.before))

    def request(self, image: bytes | None, cursor: str | None) -> SearchRequest | None:
        """What to ask the backend; None if there is nothing to look for. Raises: BadData."""
        query = [
            {name: value, "weight": _number(weight)}
            for name, value, weight in (
                ("text", self.text, self.text_weight),
                ("image", image, self.image_weight),
                ("user_id", self.person, self.person_weight),
                ("post_id", self.post, self.post_weight),
            )
            if value
        ]
        if not query:
            return None
        if all(part["weight"] == 0 for part in query):
            raise BadData("every part of the mix is at 0", hint="move a slider")
        try:
            return SearchRequest.model_validate(
                {
                    "query": query,
                    "target": self.target,
                    "filters": self._filters() if self.target != "users" else {},
                    "limit": SHOWN,
                    "cursor": cursor or None,
                }
            )
        except ValidationError as error:
            raise BadData(_explained(error)) from None

    def _filters(self) -> dict[str, Any]:
        after, before = _day(self.after), _day(self.before)
        return {
            "authors": _listed(self.by),
            "not_authors": _listed(self.not_by),
            "languages": _listed(self.language),
            "created_after": after,
            "created_before": before and before + timedelta(days=1),
        }

    def _changed(self) -> dict[str, str]:
        """The fields that say something; a weight does so beside its part alone."""
        found = {}
        for field in fields(self):
            value, part = getattr(self, field.name), field.name.removesuffix("_weight")
            idle = part != field.name and not getattr(self, part, "")
            if value != field.default and not idle:
                found[field.name] = value
        return found


def kept(image: bytes | None) -> str:
    """A picture as a field of the page keeps it."""
    return base64.b64encode(image).decode() if image else ""


def _number(weight: str) -> float:
    try:
        return round(float(weight or 1), 3)
    except ValueError:
        raise BadData(f"{weight!r:.20} is no weight", hint="from -1 to 1") from None


def _listed(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _day(text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise BadData(f"{text!r:.20} is no day", hint="as 2026-01-31") from None


def _explained(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = str(next((part for part in reversed(first["loc"]) if isinstance(part, str)), "search"))
    if first["type"] == "string_pattern_mismatch":
        return f"{_NAMES.get(name, name)}: {str(first['input'])!r:.60} has characters that none has"
    return f"{_NAMES.get(name, name)}: {first['msg']}"
