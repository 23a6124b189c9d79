"""Statements of the event database, told to a recorder: how long each took, never what it asked."""

import re
from contextlib import ExitStack
from typing import Any

from sqlalchemy import Engine, event

from recsys.events.tables import metadata
from recsys.measures import SQL_SECONDS
from training.recorder import SILENT, Recorder

_TABLE = re.compile(r"\b(?:from|into|update)\s+\"?(\w+)", re.IGNORECASE)
_OPEN = "_recorded_stage"


def record(engine: Engine, recorder: Recorder) -> None:
    """Tell a recorder of all that an engine executes from now on.

    Statements are known by their first word and table; their text and parameters stay here.
    """
    if recorder is SILENT:
        return

    def begin(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        if context is None:
            return
        stack = ExitStack()
        operation, table = described(statement)
        stack.enter_context(recorder.stage(SQL_SECONDS, operation=operation, table=table))
        setattr(context, _OPEN, stack)

    def end(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> None:
        _close(context)

    def failed(error: Any) -> None:
        _close(error.execution_context)

    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    event.listen(engine, "handle_error", failed)


def described(statement: str) -> tuple[str, str]:
    """The first word of a statement and the first of our tables in it; `other` for any other."""
    word = statement.lstrip().partition(" ")[0].lower()
    operation = word if word in ("select", "insert", "update", "delete") else "other"
    named = _TABLE.search(statement)
    table = named[1] if named and named[1] in metadata.tables else "other"
    return operation, table


def _close(context: Any) -> None:
    stack = getattr(context, _OPEN, None)
    if stack is not None:
        delattr(context, _OPEN)
        stack.close()
