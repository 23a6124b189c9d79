"""Logs: one line of JSON per event where programs read them, plain lines where people do.

Everything here and in the libraries logs by Python's own `logging`, so a formatter is all that is
needed. Ids of the run, the request and the job are bound once, where they are known; every line
that is logged meanwhile has them, whoever logs it. Ids of people and posts, and what they wrote,
don't belong into logs.

What is known by fields is logged by fields: `log.info("epoch", extra={"fields": {"epoch": 3}})`.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from training.errors import BadConfig

if TYPE_CHECKING:
    from training.log_config import LogConfig

_bound: ContextVar[Mapping[str, str]] = ContextVar("commonspace_ids", default=MappingProxyType({}))
_LONGEST = 8_000
"""Characters of a message or traceback."""


def bind(**ids: str | None) -> Token[Mapping[str, str]]:
    """As `bound`, until this thread or task ends."""
    return _bound.set({**_bound.get(), **{name: id for name, id in ids.items() if id}})


@contextmanager
def bound(**ids: str | None) -> Iterator[None]:
    """Have lines of this thread or task say these ids, such as `run_id`, for the body of a `with`.

    None is passed over. Other threads and processes don't know them: see `ids`.
    """
    token = bind(**ids)
    try:
        yield
    finally:
        _bound.reset(token)


def ids() -> dict[str, str]:
    """The ids that are bound now, to be bound again in another thread or process."""
    return dict(_bound.get())


class JsonLines(logging.Formatter):
    """A record as one line of JSON.

    Args:
        part: which part of the product this process is, such as `gateway`; empty for none.
    """

    def __init__(self, part: str = "") -> None:
        super().__init__()
        self._part = part

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST],
        }
        if self._part:
            line["part"] = self._part
        line |= getattr(record, "fields", {}) | ids()
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["traceback"] = self.formatException(record.exc_info)[-_LONGEST:]
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """A record for people, with the ids behind it."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and a traceback below it if there is one."""
        said = super().format(record)
        known = " ".join(f"{name}={id}" for name, id in ids().items())
        first, end, rest = said.partition("\n")
        return f"{first}  [{known}]{end}{rest}" if known else said


def open_logs(config: "LogConfig", part: str = "") -> None:
    """Have this process log as configured; a second call takes the place of the first.

    Args:
        config: how.
        part: which part of the product this process is.
    Raises: BadConfig if the file can't be written.
    """
    root = logging.getLogger()
    for old in [one for one in root.handlers if getattr(one, _OURS, False)]:
        root.removeHandler(old)
        old.close()
    if config == type(config)():
        return
    handler = _handler(config.file)
    setattr(handler, _OURS, True)
    handler.setFormatter(
        JsonLines(part)
        if config.format == "json"
        else TextLines("%(asctime)s %(levelname)s %(name)s: %(message)s")
    )
    root.addHandler(handler)
    for package in ("training", "recsys", "serving", "infra"):
        logging.getLogger(package).setLevel(config.level)


def as_json() -> bool:
    """Whether this process logs JSON: what it would print for people is logged then, too."""
    handlers = logging.getLogger().handlers
    return any(isinstance(one.formatter, JsonLines) for one in handlers)


def _handler(file: Path | None) -> logging.Handler:
    if file is None:
        return logging.StreamHandler()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return WatchedFileHandler(file, encoding="utf-8")
    except OSError as error:
        raise BadConfig(
            f"logs.file {file} can't be written: {error.strerror}",
            hint="name a file in a folder that you may write",
        ) from None


_OURS = "of_commonspace"
