"""Retrieval to look at: a contact sheet of queries and their best results, matches framed green."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from training.data.images import decode_image
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.style import GREEN, GREY, INK, shorten
from training.evaluation.tasks import RetrievalTask, retrieval_task

CARD = 150  # pixels, square
GAP = 10
HEADING = 34


@dataclass(frozen=True)
class Contents:
    """What stands behind the rows of `EmbeddedPosts`.

    Attributes:
        texts: (N,) texts of the evaluation posts.
        pictures: row numbers of evaluation posts → encoded images.
        people: (U,) names.
        of_person: row of a person → encoded images that show them best (of their training posts);
            None for their evaluation posts, which not everybody has.
    """

    texts: Sequence[str | None]
    pictures: Callable[[Sequence[int]], Sequence[bytes | None]]
    people: Sequence[str]
    of_person: Callable[[int], Sequence[bytes | None]] | None = None


@dataclass(frozen=True)
class Example:
    """One query and its best results, in order.

    Attributes:
        query: row of the person or post.
        results: (k,) rows of people or posts, best first.
        matches: (k,) bool.
    """

    query: int
    results: np.ndarray
    matches: np.ndarray


def retrieval_examples(
    embedded: EmbeddedPosts, direction: Direction, *, queries: int = 3, top: int = 5, seed: int = 0
) -> list[Example]:
    """A seeded choice of queries, each with its best results; empty if the direction can't be done.

    Drawn from different people where there are enough, or the most active would fill the sheet.
    """
    task = retrieval_task(embedded, direction)
    if task is None:
        return []
    order = np.random.default_rng(seed).permutation(len(task.queries))
    _, firsts = np.unique(task.queries.person[order], return_index=True)
    first_of_person = np.zeros(len(order), dtype=bool)
    first_of_person[firsts] = True
    chosen = np.concatenate([order[first_of_person], order[~first_of_person]])[:queries]
    return [_example(task, query, top) for query in chosen]


def example_sheet(
    embedded: EmbeddedPosts,
    contents: Contents,
    path: Path,
    *,
    directions: Sequence[Direction] = tuple(Direction),
    queries: int = 3,
    top: int = 5,
    seed: int = 0,
) -> Path:
    """Draw examples of all directions as one PNG and return its path.

    Left the query, right of it the `top` results, best first; a green frame is a match. A person is
    shown by four of their posts. A direction stands beside its reverse.

    Raises: ValueError if the model can do none of the directions.
    """
    found = {
        direction: retrieval_examples(embedded, direction, queries=queries, top=top, seed=seed)
        for direction in directions
    }
    found = {direction: examples for direction, examples in found.items() if examples}
    if not found:
        raise ValueError("no direction to show: nothing is embedded or nothing matches")
    cards = _Cards(embedded, contents)
    blocks = [_block(direction, found[direction], top, cards) for direction in found]
    width, height = blocks[0].width, max(block.height for block in blocks)
    columns = min(2, len(blocks))
    sheet = Image.new("RGB", (columns * width, -(-len(blocks) // columns) * height), "white")
    for number, block in enumerate(blocks):
        sheet.paste(block, (number % columns * width, number // columns * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, format="PNG")
    return path


def _example(task: RetrievalTask, query: int, top: int) -> Example:
    one = np.array([query])
    scores, positives = task.scores(one)[0], task.positives(one)[0]
    best = np.lexsort((positives, -scores))[:top]  # ties pessimistic here too
    return Example(int(task.queries.rows[query]), task.candidates.rows[best], positives[best])


def _block(
    direction: Direction, examples: Sequence[Example], top: int, cards: "_Cards"
) -> Image.Image:
    """All examples of a direction under its name."""
    step = CARD + GAP
    size = ((top + 1) * step + 4 * GAP, HEADING + len(examples) * step + GAP)
    block = Image.new("RGB", size, "white")
    _write(block, (GAP, GAP), direction.arrow, 18)
    for number, example in enumerate(examples):
        line = HEADING + number * step
        block.paste(_framed(cards.draw(direction.query, example.query), INK, 3), (GAP, line))
        for place, (row, match) in enumerate(zip(example.results, example.matches, strict=True)):
            card = cards.draw(direction.candidate, int(row))
            framed = _framed(card, GREEN, 6) if match else _framed(card, GREY, 1)
            block.paste(framed, (2 * GAP + (place + 1) * step, line))
    return block


class _Cards:
    """Draws posts and people as square cards."""

    def __init__(self, embedded: EmbeddedPosts, contents: Contents) -> None:
        self._author = embedded.author
        self._contents = contents

    def draw(self, kind: str, row: int) -> Image.Image:
        """The card of a row as `user`, `image`, `text` or `post`."""
        if kind == "user":
            return self._person(row)
        if kind == "text":
            return _text_card(self._contents.texts[row] or "", CARD, CARD)
        if kind == "image":
            return self._picture(row, CARD, CARD)
        card = Image.new("RGB", (CARD, CARD), "white")
        card.paste(self._picture(row, CARD, CARD - 44), (0, 0))
        card.paste(_text_card(self._contents.texts[row] or "", CARD, 44, size=12), (0, CARD - 44))
        return card

    def _person(self, row: int) -> Image.Image:
        card = Image.new("RGB", (CARD, CARD), "white")
        half = (CARD - 24) // 2
        for number, encoded in enumerate(self._pictures_of(row)[:4]):
            corner = (CARD // 2 - half + number % 2 * half, number // 2 * half)
            card.paste(_fitted(encoded, half, half), corner)
        _write(card, (10, CARD - 24), shorten(self._contents.people[row], 18), 12)
        return card

    def _pictures_of(self, row: int) -> list[bytes]:
        if self._contents.of_person is not None:
            found = self._contents.of_person(row)
        else:
            found = self._contents.pictures(np.flatnonzero(self._author == row)[:8].tolist())
        return [encoded for encoded in found if encoded is not None]

    def _picture(self, row: int, width: int, height: int) -> Image.Image:
        encoded = self._contents.pictures([row])[0]
        return (
            Image.new("RGB", (width, height), "white")
            if encoded is None
            else _fitted(encoded, width, height)
        )


def _fitted(encoded: bytes, width: int, height: int) -> Image.Image:
    """The whole picture in a box, the rest white."""
    return ImageOps.pad(decode_image(encoded), (width, height), color="white")


def _text_card(text: str, width: int, height: int, *, size: int = 14) -> Image.Image:
    """The text, wrapped and cut where the card ends."""
    card = Image.new("RGB", (width, height), "white")
    font, margin, step = _font(size), 8, size + 5
    room = max(1, (height - margin) // step)
    lines = _wrapped(shorten(text, 400), font, width - 2 * margin)
    if len(lines) > room:
        lines = [*lines[: room - 1], lines[room - 1][:-1] + "…"]
    top = (height - step * len(lines)) // 2
    for number, line in enumerate(lines):
        _write(card, (margin, top + number * step), line, size)
    return card


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines that fit the width, broken at spaces, or inside a word that is longer than a line."""
    lines = [""]
    for word in text.split(" "):
        if font.getlength(f"{lines[-1]} {word}".strip()) <= width:
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        lines.append("")
        for letter in word:
            if font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return [line for line in lines if line]


def _framed(card: Image.Image, colour: str, thickness: int) -> Image.Image:
    ImageDraw.Draw(card).rectangle(
        (0, 0, card.width - 1, card.height - 1), outline=colour, width=thickness
    )
    return card


def _write(image: Image.Image, corner: tuple[int, int], text: str, size: int) -> None:
    ImageDraw.Draw(image).text(corner, text, fill=INK, font=_font(size))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib ships, for Greek and Cyrillic; Pillow's own has Latin only."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts/ttf/DejaVuSans.ttf")), size)
