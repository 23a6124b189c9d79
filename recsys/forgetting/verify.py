"""Where an id still stands: every store is asked, and the bytes of every file are searched."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from recsys.events.tables import people, posts
from recsys.forgetting.forget import Opened
from recsys.forgetting.needles import SHORTEST_IN_BINARY, id_needles
from recsys.forgetting.search import Found, search_folder
from recsys.forgetting.subject import Subject


@dataclass(frozen=True)
class Verified:
    """What a search found.

    Attributes:
        found: places that hold an id of the subject.
        mentions: places where someone else's text has it among its words, theirs to change.
        files: how many were searched.
        note: what the search can't tell; empty if nothing.
    """

    found: tuple[Found, ...]
    mentions: tuple[Found, ...]
    files: int
    note: str = ""

    @property
    def clean(self) -> bool:
        """Whether nothing holds it."""
        return not self.found


def verify(stores: Opened, subject: Subject) -> Verified:
    """Search for a subject's ids: of a person that was forgotten, only the person's own is known.

    Files of the workspace and the given folders are read, never written.
    """
    hits = [hit for keeper in stores.keepers for hit in keeper.holds(subject)]
    needles = id_needles(subject.ids, _longer(stores, subject))
    files = 0
    for folder in (stores.places.workspace, *stores.places.folders):
        hits += search_folder(folder, needles)
        files += _count(folder)
    short = [id for id in subject.ids if len(id) < SHORTEST_IN_BINARY]
    return Verified(
        found=tuple(hit for hit in hits if not hit.mention),
        mentions=tuple(hit for hit in hits if hit.mention),
        files=files,
        note=f"an id of under {SHORTEST_IN_BINARY} characters is looked for in decoded values and "
        "texts alone, not in other bytes"
        if short
        else "",
    )


def _longer(stores: Opened, subject: Subject) -> set[str]:
    """Ids of the database that one of the subject's is a part of."""
    found: set[str] = set()
    with stores.engine.connect() as connection:
        for column in (people.c.user_id, posts.c.post_id):
            for id in subject.ids:
                query = select(column).where(column.contains(id, autoescape=True))
                found.update(connection.scalars(query))
    return found - set(subject.ids)


def _count(folder: Path) -> int:
    return sum(1 for path in folder.rglob("*") if path.is_file())
