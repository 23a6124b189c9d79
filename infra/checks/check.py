"""The outcome of one look."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How bad it is: a warning costs speed or comfort, a failure stops a command."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """What was looked at and found.

    Attributes:
        area: python, package, device, memory, disk, encoder or service.
        name: of the thing.
        status: of the thing.
        found: in words.
        hint: what to do; empty if all is well.
    """

    area: str
    name: str
    status: Status
    found: str
    hint: str = ""
