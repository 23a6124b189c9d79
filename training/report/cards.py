"""Posts and people as small cards, and queries with what came back."""

from collections.abc import Callable

import numpy as np

from training.evaluation.style import shorten
from training.examples import Examples
from training.report.html import Markup, join, tag, written
from training.report.pictures import PostPictures
from training.report.retrieved import Gallery, Retrieved

_WORDS = 90
"""Characters of a text on a card."""
_SHOWN_OF_PERSON = 4


class Cards:
    """Draws the rows of an evaluation split.

    Args:
        examples: people and posts.
        rows: (N,) the evaluation posts, as rows of the data.
        pictures: of the data's posts.
    """

    def __init__(self, examples: Examples, rows: np.ndarray, pictures: PostPictures) -> None:
        self._examples, self._rows, self._pictures = examples, rows, pictures
        self._start = examples.history_start.numpy()
        self._posted = examples.history_rows.numpy()

    def draw(self, kind: str, row: int) -> Markup:
        """The card of a row as `user`, `image`, `text` or `post`."""
        if kind == "user":
            return self._person(row)
        post = int(self._rows[row])
        if self._pictures.private(post):
            return tag("div", tag("p", "private post", class_="none"), class_="card")
        return tag(
            "div",
            self._picture(post, named=kind == "image") if kind != "text" else None,
            self._text(post) if kind != "image" else None,
            class_=f"card {kind}",
        )

    def _person(self, row: int) -> Markup:
        posted = self._posted[self._start[row] : self._start[row + 1]]
        uris = [self._pictures.uri(int(post)) for post in posted[: 3 * _SHOWN_OF_PERSON]]
        shown = [tag("img", src=uri, alt="") for uri in uris if uri][:_SHOWN_OF_PERSON]
        name = tag("p", written(shorten(self._examples.users[row], 40)), class_="name")
        words = None if shown else self._words_of(posted)
        return tag("div", tag("div", *shown, class_="four"), words, name, class_="card user")

    def _words_of(self, posted: np.ndarray) -> Markup | None:
        """Somebody without pictures is shown by words."""
        said = [text for post in posted[:2] if (text := self._pictures.text(int(post)))]
        return tag("p", written(shorten(" · ".join(said), _WORDS))) if said else None

    def _picture(self, post: int, *, named: bool) -> Markup:
        uri, text = self._pictures.uri(post), self._pictures.text(post)
        if uri is None:
            return tag("p", "no image", class_="none")
        # Beside its text a picture needs no second reading of it.
        alt = (shorten(text, _WORDS) if text else "image of a post without text") if named else ""
        return tag("img", src=uri, alt=alt)

    def _text(self, post: int) -> Markup:
        text = self._pictures.text(post)
        if not text:
            return tag("p", "no text", class_="none")
        return tag("p", written(shorten(text, _WORDS)))


def gallery(shown: Gallery, cards: Cards) -> Markup:
    """All examples of a direction."""
    direction = shown.direction
    draw_query = _drawer(cards, direction.query)
    draw_result = _drawer(cards, direction.candidate)
    parts = [
        ("Drawn at random", shown.typical),
        ("Worst failures: the lowest average precision", shown.worst),
    ]
    lists = [
        join(
            [
                tag("h4", title),
                tag(
                    "ol",
                    *(tag("li", _query(each, draw_query, draw_result)) for each in queries),
                    class_="queries",
                ),
            ]
        )
        for title, queries in parts
        if queries
    ]
    return tag(
        "section",
        tag("h3", direction.arrow),
        *lists,
        aria_label=f"examples of {direction.arrow}",
    )


_Draw = Callable[[int], Markup]


def _drawer(cards: Cards, kind: str) -> _Draw:
    return lambda row: cards.draw(kind, row)


def _query(found: Retrieved, draw_query: _Draw, draw_result: _Draw) -> Markup:
    ask = tag(
        "figure",
        draw_query(found.query),
        tag("figcaption", f"query; precision {found.average_precision:.3f}"),
        class_="ask",
    )
    pairs = zip(found.results, found.matches, strict=True)
    results = [
        tag(
            "figure",
            draw_result(row),
            tag("figcaption", f"{place}. match ✓" if match else f"{place}. no match"),
            class_="hit" if match else "miss",
        )
        for place, (row, match) in enumerate(pairs, start=1)
    ]
    expected = None
    if not any(found.matches):
        caption = tag("figcaption", f"expected; came at {found.rank:,}")
        expected = tag("figure", draw_result(found.expected), caption, class_="wanted")
    return tag(
        "div", ask, *results, expected, class_="strip", tabindex=0, role="group",
        aria_label="query and results",
    )  # fmt: skip
