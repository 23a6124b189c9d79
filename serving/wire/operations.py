"""`/healthz`, `/readyz`, and errors."""

from typing import Literal

from pydantic import ConfigDict, Field

from serving.wire.fields import Message


class PartState(Message):
    """One part of the service."""

    name: str
    ready: bool
    detail: str = ""


class Readiness(Message):
    """Whether requests can be answered."""

    ready: bool
    model_version: str | None = None
    index_build: int | None = None
    parts: list[PartState]


class Health(Message):
    """The process answers."""

    status: Literal["ok"] = "ok"


class FieldProblem(Message):
    """What is wrong with one field of the request."""

    field: str
    """Path to it, such as `body.query.0.text`."""
    reason: str


class Problem(Message):
    """An error as RFC 9457 describes it (`application/problem+json`)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    type: str = Field(examples=["urn:commonspace:problem:not-found"])
    title: str
    status: int
    detail: str
    hint: str | None = None
    """What to do about it."""
    request_id: str | None = None
    errors: list[FieldProblem] = []
