"""Rows of JSON lines and CSV. One malformed line is one bad row, and never ends the reading.

Text is decoded with `surrogateescape`: bytes that are not UTF-8 stay visible in their own field,
and only that row is quarantined. Lines and cells are bounded, so a file of one endless line is
read in bounded memory.
"""

import csv
import io
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from training.data.quarantine import Reason
from training.data.raw import Malformed, RawRow
from training.data.sources import SourceFile
from training.errors import BadData

_LONGEST_LINE = 1 << 25
_LONGEST_CELL = 1 << 24
_BUFFER = 1 << 20
_SHOWN = 1_000
_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@contextmanager
def _opened(file: SourceFile) -> Iterator[io.BufferedReader]:
    with file.open_stream() as stream:
        yield io.BufferedReader(stream, _BUFFER)  # type: ignore[arg-type]


def read_jsonl(file: SourceFile) -> Iterator[RawRow]:
    """One row a line; blank lines are counted and left out.

    Raises: BadData if the file breaks off, or is one JSON array and not lines.
    """
    with _opened(file) as stream:
        try:
            for number, line in enumerate(_lines(stream), start=1):
                if number == 1:
                    line = line.removeprefix(_BYTE_ORDER_MARK)
                    _refuse_array(line, file)
                if line.strip():
                    yield RawRow(number, _parse(line))
        except (OSError, EOFError) as error:
            raise BadData(f"{file} can't be read to its end: {error}") from None


def _lines(stream: io.BufferedReader) -> Iterator[bytes]:
    """The lines, each cut off after `_LONGEST_LINE` bytes."""
    while line := stream.readline(_LONGEST_LINE):
        rest = line
        while not rest.endswith(b"\n") and (rest := stream.readline(_LONGEST_LINE)):
            pass
        yield line


def _refuse_array(first_line: bytes, file: SourceFile) -> None:
    if first_line.lstrip().startswith(b"["):
        raise BadData(
            f"{file} is a JSON array, which can't be streamed",
            hint="write one object a line: jq -c '.[]' old.json > new.jsonl",
        )


def _parse(line: bytes) -> dict[str, Any] | Malformed:
    text = line.decode("utf-8", "surrogateescape")
    if len(line) >= _LONGEST_LINE:
        return Malformed(Reason.TOO_LONG, f"a line over {_LONGEST_LINE} bytes", text[:_SHOWN])
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Malformed(Reason.MALFORMED, f"not JSON: {error}"[:200], text.strip()[:_SHOWN])
    if not isinstance(value, dict):
        detail = f"must be a JSON object, is {type(value).__name__}"
        return Malformed(Reason.MALFORMED, detail, text.strip()[:_SHOWN])
    return value


def read_header(file: SourceFile) -> tuple[list[str], str]:
    """The column names of a CSV file, and the delimiter that parts most of them.

    Raises: BadData if there is no header.
    """
    with _opened(file) as stream:
        try:
            line = stream.readline(_LONGEST_LINE).removeprefix(_BYTE_ORDER_MARK)
        except OSError as error:
            raise BadData(f"{file} can't be read: {error}") from None
    text = line.decode("utf-8", "surrogateescape")
    if not text.strip():
        raise BadData(f"{file} has no header line")
    delimiter = max(_DELIMITERS, key=text.count)
    return [name.strip() for name in next(csv.reader([text], delimiter=delimiter))], delimiter


def read_csv(file: SourceFile) -> Iterator[RawRow]:
    """The rows under a header; a row's number is the line that it begins on (the header's is 1).

    An empty cell is an absent value. Raises: BadData if there is no header or the file breaks off.
    """
    names, delimiter = read_header(file)
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))  # of this process: a worker
    with _opened(file) as binary:
        stream = io.TextIOWrapper(binary, "utf-8-sig", "surrogateescape", newline="")
        try:
            stream.readline()
            for number, cells in _records(stream, delimiter, len(names)):
                if isinstance(cells, Malformed):
                    yield RawRow(number, cells)
                else:
                    values = (cell if cell else None for cell in cells)
                    yield RawRow(number, dict(zip(names, values, strict=True)))
        except (OSError, EOFError) as error:
            raise BadData(f"{file} can't be read to its end: {error}") from None


def _records(
    stream: io.TextIOWrapper, delimiter: str, width: int
) -> Iterator[tuple[int, list[str] | Malformed]]:
    """Records of `width` cells with the line that each begins on.

    A quote that is never closed swallows the lines behind it. So when a record turns out bad, only
    its first line is given up, and the parser starts again at the second.
    """
    again: deque[str] = deque()
    number = 2

    def lines(taken: list[str]) -> Iterator[str]:
        while line := again.popleft() if again else stream.readline(_LONGEST_LINE):
            taken.append(line)
            yield line

    while True:
        taken: list[str] = []
        problem = ""
        cells: list[str] = []
        try:
            cells = next(csv.reader(lines(taken), delimiter=delimiter, strict=True), [])
            if cells and len(cells) != width:
                problem = f"{len(cells)} cells, the header has {width}"
        except csv.Error as error:
            problem = str(error)
        if not taken:
            return
        if problem:
            again.extendleft(reversed(taken[1:]))
            yield number, Malformed(Reason.MALFORMED, problem, taken[0].rstrip("\r\n")[:_SHOWN])
            number += 1
            continue
        if cells:
            yield number, cells
        number += len(taken)
