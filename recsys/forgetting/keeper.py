"""What every kind of place does when something is forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from recsys.config import EventsConfig, IndexConfig
from recsys.forgetting.search import Found
from recsys.forgetting.subject import Subject
from training.tracking.config import TrackingConfig


@dataclass(frozen=True)
class Places:
    """Where everything is; nothing else is ever written.

    Attributes:
        workspace: folder of all that is made.
        events: of the event database.
        index: of the vectors.
        tracking: of MLflow.
        folders: others with files that the product wrote (`--to` of a command).
    """

    workspace: Path
    events: EventsConfig = field(default_factory=EventsConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Left:
    """Something that still has to happen.

    Attributes:
        what: is left, and where.
        until: what ends it.
        blocks: whether the forgetting isn't complete before that, and has to be run again.
    """

    what: str
    until: str
    blocks: bool = False


@dataclass(frozen=True)
class Erased:
    """What one keeper took away.

    Attributes:
        counts: by what it was, such as `posts`; nothing that wasn't there.
        left: what it couldn't or may not do.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    left: tuple[Left, ...] = ()


class Keeper(Protocol):
    """Knows one kind of place."""

    name: str
    """For people."""

    def erase(self, subject: Subject) -> Erased:
        """Take away all of a subject. Once more changes nothing.

        Raises: what the place raises where it fails; the forgetting can be run again then.
        """
        ...

    def holds(self, subject: Subject) -> list[Found]:
        """Where the ids of a subject still stand, in what a search of files can't look into."""
        ...
