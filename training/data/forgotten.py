"""Who and what was forgotten on request, as hashes: rows of theirs are read by nobody.

The list lies in the workspace, as `forgotten.txt`, one hash a line. `prepare` reads it, so that no
training, evaluation, index or map is made of what a source file may still hold. Whoever keeps the
event database, where forgetting begins, writes the list; a job on another machine needs a copy in
its own workspace. The hashes name nobody to those who don't know the ids already.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from training.data.config import DataConfig
from training.data.fields import parse_id
from training.data.identity import tombstone
from training.data.quarantine import BadField
from training.data.raw import Malformed
from training.errors import BadData

FILE = "forgotten.txt"
"""In the workspace."""
REASON = "forgotten"
"""Marks the place of a left-out row among checked ones; nothing else of it is there."""

_DIGEST = re.compile(r"[0-9a-f]{32}")
_WORD = re.compile(r"[A-Za-z0-9_.:@/-]{1,128}")
_KINDS = {
    "posts": (("person", "user_id"), ("post", "post_id")),
    "reactions": (("person", "user_id"), ("post", "post_id")),
    "users": (("person", "user_id"),),
}


@dataclass(frozen=True)
class Forgotten:
    """A list of the forgotten.

    Attributes:
        digests: what `identity.tombstone` makes of their ids.
    """

    digests: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.digests)

    def __len__(self) -> int:
        return len(self.digests)

    def person(self, user_id: str) -> bool:
        """Whether a person was forgotten."""
        return tombstone("person", user_id) in self.digests

    def post(self, post_id: str) -> bool:
        """Whether a post was forgotten by itself; see `row` for those of forgotten people."""
        return tombstone("post", post_id) in self.digests

    def row(self, table: str, values: Mapping[str, Any] | Malformed, config: DataConfig) -> bool:
        """Whether a raw row is of the forgotten: theirs, or a reaction by them or to theirs.

        Of a line that is no row every word is looked up, since it would be kept for people to see.
        """
        if not self.digests:
            return False
        if isinstance(values, Malformed):
            return self.word(values.text)
        return any(
            tombstone(kind, identity) in self.digests
            for kind, name in _KINDS[table]
            if (identity := _identity(values.get(name), config)) is not None
        )

    def word(self, text: str) -> bool:
        """Whether any word of a text is the id of someone or something forgotten."""
        words = set(_WORD.findall(text))
        return any(self.person(word) or self.post(word) for word in words)

    @classmethod
    def read(cls, path: Path) -> Self:
        """A list that `write` wrote; empty if there is no file.

        Raises: BadData naming a line that is no hash: whom it meant would come back in silence.
        """
        try:
            lines = path.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            raise BadData(f"the list of the forgotten, {path}, can't be read: {error}") from None
        for number, line in enumerate(lines, start=1):
            if not _DIGEST.fullmatch(line):
                raise BadData(
                    f"{path} line {number} is not a hash of 32 hexadecimal digits",
                    hint="write the list anew: commonspace forget list --to FILE",
                )
        return cls(frozenset(lines))

    def write(self, path: Path) -> bool:
        """Write the list, whole or not at all; False if the file says so already."""
        text = "".join(f"{digest}\n" for digest in sorted(self.digests))
        if (path.read_text(encoding="ascii") if path.is_file() else "") == text:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
        draft.write_text(text, encoding="ascii")
        os.replace(draft, path)
        return True


NOBODY = Forgotten()


def _identity(value: Any, config: DataConfig) -> str | None:
    """The id that the row would get; None for what is none."""
    try:
        return parse_id(value, config)[0]
    except BadField:
        return None
