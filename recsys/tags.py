"""Tags as the index holds them: a text of tokens, one of fixed length for each tag.

Not Milvus' arrays: Milvus Lite decides a condition on an array row by row in Python, vectors and
all, which among fifty thousand posts takes seconds; a condition on a text it decides for all rows
at once. A token is a digest, so that a tag may be of any length and hold any character.
"""

import hashlib
from collections.abc import Iterable

MOST_TAGS = 2000
"""Of one post; those beyond can't be filtered by."""
_DIGITS = 16
LENGTH = 1 + MOST_TAGS * (_DIGITS + 1)
"""Of the text, at most."""


def tag_token(tag: str) -> str:
    """Sixteen hexadecimal digits that stand for a tag."""
    encoded = tag.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=_DIGITS // 2).hexdigest()


def tags_text(tags: Iterable[str]) -> str:
    """The tokens of tags, each once, with a space before and after each; empty without tags."""
    tokens = [tag_token(tag) for tag in dict.fromkeys(tags)][:MOST_TAGS]
    return f" {' '.join(tokens)} " if tokens else ""
