"""What people want to see no more, and whom they want to have nothing to do with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, and_, delete, literal, or_, select

from recsys.events import tombstones
from recsys.events.tables import boundaries
from recsys.events.transactions import changing, reading
from recsys.events.upsert import upsert
from training.data.identity import is_good_id
from training.errors import BadData, Gone

_LONGEST_TAG = 200
_BLOCKED_BY = "blocked_by"


class BoundaryKind(StrEnum):
    """What is kept away from whom."""

    MUTED_AUTHOR = "muted_author"
    """A person's posts, from the one who mutes them."""
    MUTED_TAG = "muted_tag"
    """Posts with a tag, from the one who mutes it."""
    BLOCKED = "blocked"
    """Two people from each other, posts and all."""
    HIDDEN = "hidden"
    """One post, from the one who hides it."""


_OF_PEOPLE = (BoundaryKind.MUTED_AUTHOR, BoundaryKind.BLOCKED)


@dataclass(frozen=True)
class Boundaries:
    """Those of one person.

    Attributes:
        muted_authors: ids of people whose posts they don't want to see.
        muted_tags: tags that they don't want to see.
        blocked: ids of people whom they blocked.
        blocked_by: ids of people who blocked them.
        hidden: ids of posts that they hid.
    """

    muted_authors: frozenset[str] = field(default_factory=frozenset)
    muted_tags: frozenset[str] = field(default_factory=frozenset)
    blocked: frozenset[str] = field(default_factory=frozenset)
    blocked_by: frozenset[str] = field(default_factory=frozenset)
    hidden: frozenset[str] = field(default_factory=frozenset)

    @property
    def authors(self) -> frozenset[str]:
        """People whose posts are kept from this person."""
        return self.muted_authors | self.people

    @property
    def people(self) -> frozenset[str]:
        """People who are kept from this person, and this person from them."""
        return self.blocked | self.blocked_by


class BoundaryStore:
    """Sets boundaries and takes them back.

    Args:
        engine: of the event database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, user_id: str) -> Boundaries:
        """All of a person's, and who blocked them; empty for someone unknown."""
        own = select(boundaries.c.kind, boundaries.c.target).where(boundaries.c.user_id == user_id)
        others = select(literal(_BLOCKED_BY), boundaries.c.user_id).where(
            boundaries.c.kind == BoundaryKind.BLOCKED, boundaries.c.target == user_id
        )
        found: dict[str, set[str]] = {kind: set() for kind in (*BoundaryKind, _BLOCKED_BY)}
        with reading(self._engine) as connection:
            for kind, target in connection.execute(own.union_all(others)):
                found.setdefault(kind, set()).add(target)
        return Boundaries(
            muted_authors=frozenset(found[BoundaryKind.MUTED_AUTHOR]),
            muted_tags=frozenset(found[BoundaryKind.MUTED_TAG]),
            blocked=frozenset(found[BoundaryKind.BLOCKED]),
            blocked_by=frozenset(found[_BLOCKED_BY]),
            hidden=frozenset(found[BoundaryKind.HIDDEN]),
        )

    def put(self, user_id: str, kind: BoundaryKind, target: str) -> bool:
        """Set a boundary; True if it is new. Neither end need be known yet.

        Args:
            user_id: whose.
            kind: of boundary.
            target: the id of a person or post, or the tag.
        Raises: BadData for what can't be an id or a tag, or for oneself; Gone if the person or the
            target was deleted for good.
        """
        kind, target = BoundaryKind(kind), target.strip()
        _check(user_id, kind, target)
        insert = upsert(self._engine, boundaries).values(
            user_id=user_id, kind=kind.value, target=target, created_at=datetime.now(UTC)
        )
        with changing(self._engine) as connection:
            if gone := _gone(connection, user_id, kind, target):
                raise Gone(f"{gone!r:.140} was deleted for good")
            done = connection.execute(insert.on_conflict_do_nothing())
        return done.rowcount > 0

    def remove(self, user_id: str, kind: BoundaryKind, target: str) -> bool:
        """Take a boundary back; True if it was there."""
        this = and_(
            boundaries.c.user_id == user_id,
            boundaries.c.kind == BoundaryKind(kind).value,
            boundaries.c.target == target.strip(),
        )
        with changing(self._engine) as connection:
            return connection.execute(delete(boundaries).where(this)).rowcount > 0


def drop_person(connection: Connection, user_id: str) -> None:
    """Forget the boundaries of a person, and those that others set to them."""
    to_them = boundaries.c.kind.in_(_OF_PEOPLE) & (boundaries.c.target == user_id)
    connection.execute(delete(boundaries).where(or_(boundaries.c.user_id == user_id, to_them)))


def drop_post(connection: Connection, post_id: str) -> None:
    """Forget who hid a post."""
    hidden = (boundaries.c.kind == BoundaryKind.HIDDEN) & (boundaries.c.target == post_id)
    connection.execute(delete(boundaries).where(hidden))


def _check(user_id: str, kind: BoundaryKind, target: str) -> None:
    rule = "must be 1 to 128 of the characters A-Za-z0-9_.:@/-"
    if not is_good_id(user_id):
        raise BadData(f"id {user_id!r:.140} {rule}")
    if kind is BoundaryKind.MUTED_TAG:
        if not target or len(target) > _LONGEST_TAG or not target.isprintable():
            raise BadData(f"tag {target!r:.60} must be 1 to {_LONGEST_TAG} printable characters")
    elif not is_good_id(target):
        raise BadData(f"id {target!r:.140} {rule}")
    elif kind in _OF_PEOPLE and target == user_id:
        raise BadData(f"{user_id!r} can't be kept from {user_id!r}", hint="name another person")


def _gone(connection: Connection, user_id: str, kind: BoundaryKind, target: str) -> str | None:
    """The end that was deleted, if one was."""
    digests = {tombstones.of_person(user_id): user_id}
    if kind is not BoundaryKind.MUTED_TAG:
        digest = tombstones.of_post if kind is BoundaryKind.HIDDEN else tombstones.of_person
        digests[digest(target)] = target
    return next((digests[one] for one in tombstones.buried(connection, digests)), None)
