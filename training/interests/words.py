"""Words of a text in any script, without a list of any language."""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

_NO_WORDS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|(?<!\w)@\w+", re.IGNORECASE)
"""Addresses and mentions: they name places and people, not subjects."""
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Kana and Han, written without spaces between words."""


def normal(tag: str) -> str:
    """A tag as a term: one case, one form of each character, `_` and `#` as spaces.

    Example:
        >>> normal("#Lemon_Theme")
        'lemon theme'
    """
    folded = unicodedata.normalize("NFKC", tag).casefold()
    return " ".join(folded.replace("_", " ").replace("#", " ").split())


def phrases(text: str) -> Iterator[list[str]]:
    """Words between marks of punctuation; numbers and single letters are no words.

    Han and Kana come as overlapping pairs of characters, which is as near to words as one gets
    without a dictionary.

    Example:
        >>> list(phrases("A red bird, and 2 cats"))
        [['red', 'bird'], ['and', 'cats']]
    """
    folded = unicodedata.normalize("NFKC", _NO_WORDS.sub("\n", text)).casefold()
    word, phrase, unspaced = _patterns()
    for run in phrase.findall(folded.replace("_", " ")):
        found: list[str] = []
        for piece in word.findall(run):
            if unspaced.match(piece):
                found += [piece[i : i + 2] for i in range(max(1, len(piece) - 1))]
            elif len(piece) > 1 and any(map(str.isalpha, piece)):
                found.append(piece)
        if found:
            yield found


def terms(text: str) -> set[str]:
    """The words of a text and the pairs of words that follow each other in a phrase."""
    found: set[str] = set()
    for words in phrases(text):
        found.update(words)
        found.update(f"{first} {second}" for first, second in pairwise(words))
    return found


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """A word, a phrase, and the beginning of an unspaced word.

    The class of letters knows no combining marks, without which words of Hindi or Thai fall apart.
    """
    marks = "".join(c for c in map(chr, range(0x300, 0x1F000)) if unicodedata.category(c)[0] == "M")
    letter = rf"(?:(?![{_UNSPACED}])[^\W_]|[{marks}])"
    word = rf"[{_UNSPACED}]+|{letter}+(?:['’]{letter}+)?"
    return re.compile(word), re.compile(rf"[\w{marks}'’ \t-]+"), re.compile(rf"[{_UNSPACED}]")
