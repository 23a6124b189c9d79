"""Results go to stdout, everything else to stderr."""

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, Protocol

from training import logs

if TYPE_CHECKING:
    from rich.console import RenderableType

_log = logging.getLogger("infra.cli")


class Show(Protocol):
    """Prints a command's result once."""

    def __call__(self, result: Any, *, text: str) -> None: ...


@contextmanager
def results(as_json: bool) -> Iterator[Show]:
    """Keep stdout for the result: whatever prints meanwhile, a library or a worker, goes to stderr.

    Yields: a function that prints its first argument as one line of JSON, or `text` for people.

    Example:
        >>> with results(as_json=True) as show:
        ...     show({"users": 2}, text="2 users")
        {"users": 2}
    """
    stdout = sys.stdout

    def show(result: Any, *, text: str) -> None:
        print(json.dumps(result, ensure_ascii=False) if as_json else text, file=stdout, flush=True)

    with redirect_stdout(sys.stderr):
        yield show


def note(text: str) -> None:
    """Tell the person something that isn't part of the result; where logs are JSON, by a log line.

    An error is known by its first word, as `main` writes it.
    """
    if logs.as_json():
        kind, _, said = text.partition(": ")
        level = logging.ERROR if kind == "error" and said else logging.INFO
        _log.log(level, "%s", said if level == logging.ERROR else text.strip())
        return
    print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of text, aligned; numbers to the right. No borders, so that scripts may cut them."""
    from rich.table import Table

    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for position, title in enumerate(header):
        numeric = bool(rows) and all(isinstance(row[position], int | float) for row in rows)
        grid.add_column(title, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        grid.add_row(*(_plain(cell) for cell in row))
    return rendered(grid, width=1000)


def rendered(drawing: "RenderableType", *, width: int = 110) -> str:
    """What rich draws, as plain text: no colours, no padding at the ends of lines."""
    from rich.console import Console

    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        console.print(drawing)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def _plain(cell: object) -> Any:
    from rich.text import Text

    if cell is None:
        return ""
    return Text(f"{cell:.3f}" if isinstance(cell, float) else str(cell))
