"""What only one process may do at a time, across machines: whoever holds the lease does it."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete, or_, select, update

from recsys.events.tables import leases
from recsys.events.transactions import changing
from recsys.events.upsert import upsert
from training.errors import Conflict

SECONDS = 600
"""How long a lease lasts after its last renewal; a holder renews it with every batch."""


@dataclass
class Lease:
    """A held lease.

    Attributes:
        engine: of the event database.
        name: what is held.
        owner: host, process id and a random part.
    """

    engine: Engine
    name: str
    owner: str = field(
        default_factory=lambda: f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(8)}"
    )

    def renew(self) -> None:
        """Hold it for another `SECONDS`. Raises: Conflict if it ran out and another has it."""
        with changing(self.engine) as connection:
            mine = (leases.c.name == self.name) & (leases.c.owner == self.owner)
            statement = update(leases).where(mine).values(expires_at=_expiry())
            if not connection.execute(statement).rowcount:
                raise Conflict(f"another process has taken over: {self.name}", hint="start again")


@contextmanager
def hold(engine: Engine, name: str) -> Iterator[Lease]:
    """Be the only one who does `name` for the body of a `with`.

    A lease that ran out is taken over, and so is one of a dead process of this machine.

    Raises: Conflict if someone else holds it, saying who.
    """
    lease = Lease(engine, name)
    _take(lease)
    try:
        yield lease
    finally:
        with changing(engine) as connection:
            mine = (leases.c.name == name) & (leases.c.owner == lease.owner)
            connection.execute(delete(leases).where(mine))


def _take(lease: Lease) -> None:
    with changing(lease.engine) as connection:
        holder = select(leases.c.owner).where(leases.c.name == lease.name)
        present = connection.scalar(holder)
        dead = present if present and not _alive(present) else None
        insert = upsert(connection, leases).values(
            name=lease.name, owner=lease.owner, expires_at=_expiry()
        )
        # one statement, so that of two takers one wins
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=["name"],
                set_={"owner": insert.excluded.owner, "expires_at": insert.excluded.expires_at},
                where=or_(leases.c.expires_at < datetime.now(UTC), leases.c.owner == dead),
            )
        )
        winner = connection.scalar(holder)
    if winner != lease.owner:
        host, pid, _ = str(winner).split("/")
        raise Conflict(
            f"process {pid} on {host} is doing this already: {lease.name}",
            hint="wait until it is done",
        )


def _alive(owner: str) -> bool:
    """False only if the owner was a process of this machine and is no more."""
    host, pid, _ = owner.split("/")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _expiry() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=SECONDS)
