"""API keys: who they are of and what they may do; only digests of them are kept."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Engine, Row, insert, select, update

from recsys.config import EventsConfig
from recsys.events.engine import open_engine
from serving.security.keys_table import api_keys, metadata
from training.errors import BadConfig, Conflict, NotFound

GRACE = timedelta(days=1)
"""How long a key works beside the one that took its place."""
_FORM = re.compile(r"cs_([a-z0-9]{12})_([A-Za-z0-9_-]{43})")
_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_NO_DIGEST = "0" * 64


class Scope(StrEnum):
    """What a key may do."""

    READ = "read"
    """Embed, search, and ask for recommendations."""
    WRITE = "write"
    """Write and delete posts, and react."""
    ADMIN = "admin"
    """All of it, and delete people."""


def scope_named(name: str) -> Scope:
    """Raises: BadConfig with the names that there are."""
    try:
        return Scope(name)
    except ValueError:
        raise BadConfig(f"no scope {name!r:.100}", hint=f"one of {', '.join(Scope)}") from None


@dataclass(frozen=True)
class Key:
    """What is known of an API key.

    Attributes:
        key_id: its public part.
        name: whose it is, or what for.
        scopes: what it may do.
        created_at: when.
        expires_at: from when on it is refused; None: never.
        revoked_at: since when it is refused; None: it is good.
        digests: of the secret, and of the one before while that is good: SHA-256, in hex.
        previous_until: till when the one before is good.
    """

    key_id: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    digests: tuple[str, str]
    previous_until: datetime | None

    def opens(self, secret: str, now: datetime) -> bool:
        """Whether the secret is this key's and the key is good now; in constant time."""
        digest = _digest(secret)
        current = hmac.compare_digest(digest, self.digests[0])
        previous = hmac.compare_digest(digest, self.digests[1])
        in_grace = self.previous_until is not None and now < self.previous_until
        return (current or (previous and in_grace)) and self.is_good(now)

    def is_good(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


NOBODY = Key("", "", frozenset(), datetime.min, None, datetime.min, (_NO_DIGEST, _NO_DIGEST), None)
"""Stands for every key that isn't there, so that looking for one takes the same way."""


class KeyStore:
    """The keys, in the event database. Threads and processes may share it.

    Args:
        config: where the event database is.
        workspace: what a relative SQLite file is relative to.
    Raises: BadConfig, Unavailable.
    """

    def __init__(self, config: EventsConfig, workspace: Path) -> None:
        self._engine: Engine = open_engine(config, workspace)
        metadata.create_all(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create(
        self, name: str, scopes: Iterable[Scope], *, lifetime: timedelta | None = None
    ) -> tuple[Key, str]:
        """Make a key.

        Args:
            name: whose it is, or what for: 1 to 100 characters.
            scopes: what it may do; one at least.
            lifetime: after which it is refused; None: never.
        Returns: the key, and the only copy of what its owner sends.
        Raises: BadConfig.
        """
        granted = frozenset(scopes)
        if not granted:
            raise BadConfig("a key needs a scope", hint=f"one of {', '.join(Scope)}")
        if not 1 <= len(name.strip()) <= 100:
            raise BadConfig("a key needs a name of 1 to 100 characters")
        if lifetime is not None and lifetime <= timedelta(0):
            raise BadConfig("a key must live longer than that")
        key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(12))
        secret = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        row = {
            "key_id": key_id,
            "digest": _digest(secret),
            "previous_digest": _NO_DIGEST,
            "name": name.strip(),
            "scopes": sorted(granted),
            "created_at": now,
            "expires_at": _later(now, lifetime) if lifetime else None,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(api_keys), row)
        return self.get(key_id), f"cs_{key_id}_{secret}"

    def list(self) -> list[Key]:
        """All keys, the latest first, the revoked ones too."""
        query = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
        with self._engine.connect() as connection:
            return [_key(row) for row in connection.execute(query)]

    def find(self, key_id: str) -> Key | None:
        """A key by its id, if there is one."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(api_keys).where(api_keys.c.key_id == key_id)
            ).one_or_none()
        return _key(row) if row else None

    def get(self, key_id: str) -> Key:
        """A key by its id. Raises: NotFound."""
        if (key := self.find(key_id)) is None:
            raise NotFound(f"no key {key_id!r:.100}", hint="commonspace keys list")
        return key

    def revoke(self, key_id: str) -> Key:
        """Refuse a key from now on; again changes nothing. Raises: NotFound."""
        if self.get(key_id).revoked_at is None:
            self._change(key_id, revoked_at=datetime.now(UTC))
        return self.get(key_id)

    def rotate(self, key_id: str, *, grace: timedelta = GRACE) -> tuple[Key, str]:
        """Give a key a new secret; the old one works for a while beside it.

        Returns: the key, and the only copy of what its owner sends from now on.
        Raises: NotFound; Conflict if the key is revoked or has expired.
        """
        key = self.get(key_id)
        now = datetime.now(UTC)
        if not key.is_good(now):
            raise Conflict(f"key {key_id} is refused already", hint="create a new one")
        secret = secrets.token_urlsafe(32)
        self._change(
            key_id,
            digest=_digest(secret),
            previous_digest=key.digests[0],
            previous_until=_later(now, grace),
        )
        return self.get(key_id), f"cs_{key_id}_{secret}"

    def _change(self, key_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(api_keys).where(api_keys.c.key_id == key_id).values(**values))


def split_key(key: str) -> tuple[str, str]:
    """Id and secret of what someone sent; two empty texts if it can't be a key."""
    found = _FORM.fullmatch(key)
    return (found[1], found[2]) if found else ("", "")


def _later(now: datetime, lifetime: timedelta) -> datetime:
    try:
        return now + lifetime
    except OverflowError:
        raise BadConfig("a key can't live until after the year 9999") from None


def _digest(secret: str) -> str:
    """Plain SHA-256 is enough: nobody guesses 32 random bytes, so there is nothing to slow."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: Row) -> Key:
    return Key(
        key_id=row.key_id,
        name=row.name,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        digests=(row.digest, row.previous_digest),
        previous_until=row.previous_until,
    )
