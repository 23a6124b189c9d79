"""The event database: questions about people, posts and reactions, and changes to them."""

import difflib
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
from sqlalchemy import Row, Select, func, select

from recsys.config import EventsConfig
from recsys.events import lease, listing, unindexed, writing
from recsys.events.engine import open_engine
from recsys.events.pictures import (
    StoredPicture,
    drop_unused,
    put_pictures,
    read_pictures,
)
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people, pictures, posts, reactions
from training.data.identity import is_good_id
from training.errors import Gone, NotFound

_STREAMED = 1000
_LATEST = (posts.c.created_at.desc().nulls_last(), posts.c.post_id)


class Events:
    """The truth about own, seen, private and deleted posts. Threads and processes may share it.

    Args:
        config: where it is.
        workspace: what a relative SQLite file is relative to.
    Raises: BadConfig, Unavailable.
    """

    def __init__(self, config: EventsConfig, workspace: Path) -> None:
        self._engine = open_engine(config, workspace)

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

    # People

    def person(self, user_id: str) -> Person:
        """Raises: NotFound with the nearest known ids."""
        query = select(people).where(people.c.user_id == user_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).one_or_none() if is_good_id(user_id) else None
        if row is None:
            near = self._near(user_id)
            hint = f"did you mean {', '.join(near)}?" if near else ""
            raise NotFound(f"no person {user_id!r:.140}", hint=hint)
        return Person(row.user_id, row.profile)

    def known(self, user_ids: Collection[str]) -> set[str]:
        """Those of the ids that are people."""
        found: set[str] = set()
        with self._engine.connect() as connection:
            for part in writing.chunks(user_ids):
                query = select(people.c.user_id).where(people.c.user_id.in_(part))
                found.update(connection.scalars(query))
        return found

    def people(self) -> list[str]:
        """All ids, ascending."""
        with self._engine.connect() as connection:
            return list(connection.scalars(select(people.c.user_id).order_by(people.c.user_id)))

    def users_page(self, prefix: str, start: int, count: int) -> list[tuple[str, int]]:
        """People whose id begins so, with how many public posts they have, most first.

        Args:
            prefix: of the id; empty for all.
            start: how many to pass over.
            count: how many at most.
        """
        with self._engine.connect() as connection:
            return listing.people_by_posts(connection, prefix, start, count)

    def counts(self) -> listing.Counts:
        """How many people, posts and reactions there are."""
        with self._engine.connect() as connection:
            return listing.counts(connection)

    # Posts

    def picture(self, post_id: str) -> StoredPicture | None:
        """What a public post shows; None for one without a picture. Raises: NotFound."""
        post = self.posts([post_id]).get(post_id) if is_good_id(post_id) else None
        if post is None or post.private:
            raise NotFound(f"no post {post_id!r:.140}")
        return self.pictures([post.image_hash]).get(post.image_hash) if post.image_hash else None

    def pictures(self, hashes: Collection[str]) -> dict[str, StoredPicture]:
        """Those of the pictures that are stored, by the hash of their content."""
        found: dict[str, StoredPicture] = {}
        with self._engine.connect() as connection:
            for part in writing.chunks(hashes):
                found |= read_pictures(connection, part)
        return found

    def lacking_pictures(self, hashes: Collection[str]) -> set[str]:
        """Those of the hashes that a public post shows and under which no picture is stored."""
        stored = select(pictures.c.image_hash).where(pictures.c.image_hash == posts.c.image_hash)
        found: set[str] = set()
        with self._engine.connect() as connection:
            for part in writing.chunks(hashes):
                query = select(posts.c.image_hash).where(
                    posts.c.image_hash.in_(part), ~posts.c.private, ~stored.exists()
                )
                found.update(connection.scalars(query))
        return found

    def posts(self, post_ids: Collection[str]) -> dict[str, Post]:
        """Those of the posts that exist, by id; private ones included."""
        found: dict[str, Post] = {}
        with self._engine.connect() as connection:
            for part in writing.chunks(post_ids):
                for row in connection.execute(select(posts).where(posts.c.post_id.in_(part))):
                    found[row.post_id] = _post(row)
        return found

    def outlines(self, post_ids: Collection[str]) -> dict[str, Post]:
        """As `posts`, without texts and tags: what rules and variety are decided by, of many."""
        columns = ("post_id", "user_id", "created_at", "language", "private", "image_hash")
        query = select(*(posts.c[name] for name in columns))
        found: dict[str, Post] = {}
        with self._engine.connect() as connection:
            for part in writing.chunks(post_ids):
                for row in connection.execute(query.where(posts.c.post_id.in_(part))):
                    found[row.post_id] = Post(
                        row.post_id,
                        row.user_id,
                        created_at=row.created_at,
                        language=row.language,
                        private=row.private,
                        image_hash=row.image_hash,
                    )
        return found

    def posts_of(self, user_id: str) -> list[Post]:
        """A person's posts, latest first, undated ones last; private ones included."""
        query = select(posts).where(posts.c.user_id == user_id).order_by(*_LATEST)
        with self._engine.connect() as connection:
            return [_post(row) for row in connection.execute(query)]

    def showing(self, image_hash: str) -> set[str]:
        """The posts with that picture."""
        query = select(posts.c.post_id).where(posts.c.image_hash == image_hash)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def visibility(self) -> dict[str, bool]:
        """All post ids: True for a public post, False for a private one."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(posts.c.post_id, posts.c.private))
            return {row.post_id: not row.private for row in rows}

    def public_posts_of(self, user_ids: Collection[str], most: int) -> dict[str, list[Post]]:
        """The latest public posts of each person, at most `most`; an empty list without any."""
        place = func.row_number().over(partition_by=posts.c.user_id, order_by=_LATEST)
        found: dict[str, list[Post]] = {user_id: [] for user_id in user_ids}
        with self._engine.connect() as connection:
            for part in writing.chunks(user_ids):
                public = posts.c.user_id.in_(part) & ~posts.c.private
                placed = select(posts, place.label("place")).where(public).subquery()
                query = select(placed).where(placed.c.place <= most).order_by(placed.c.place)
                for row in connection.execute(query):
                    found[row.user_id].append(_post(row))
        return found

    def fresh(self, count: int, exclude: Collection[str] = ()) -> list[str]:
        """The latest public posts but for the excluded; at most `count` ids."""
        query = select(posts.c.post_id).where(~posts.c.private).order_by(*_LATEST)
        return self._first(query, count, exclude)

    def popular(self, kinds: Sequence[str], count: int, exclude: Collection[str] = ()) -> list[str]:
        """The public posts with most reactions of these kinds; at most `count` ids."""
        total = func.count()
        query = (
            select(posts.c.post_id)
            .join(reactions, reactions.c.post_id == posts.c.post_id)
            .where(~posts.c.private, reactions.c.kind.in_(kinds))
            .group_by(posts.c.post_id)
            .order_by(total.desc(), posts.c.post_id)
        )
        return self._first(query, count, exclude)

    # Reactions

    def reactions_of(self, user_id: str) -> list[Reaction]:
        """What a person did, latest first, undated last."""
        query = (
            select(reactions)
            .where(reactions.c.user_id == user_id)
            .order_by(reactions.c.created_at.desc().nulls_last(), reactions.c.key)
        )
        with self._engine.connect() as connection:
            return [
                Reaction(row.user_id, row.post_id, row.kind, row.value, row.created_at)
                for row in connection.execute(query)
            ]

    def seen_by(self, user_id: str) -> set[str]:
        """The posts that a person reacted to in any way, a view or a dislike included."""
        query = select(reactions.c.post_id).where(reactions.c.user_id == user_id)
        with self._engine.connect() as connection:
            return set(connection.scalars(query))

    def reactions_table(self) -> pa.Table:
        """All reactions, as `training.histories` reads them: user_id, post_id, kind, value."""
        columns = ("user_id", "post_id", "kind", "value")
        query = select(*(reactions.c[name] for name in columns))
        types = (pa.string(), pa.string(), pa.string(), pa.float64())
        schema = pa.schema(list(zip(columns, types, strict=True)))
        batches = []
        with self._engine.connect() as connection:
            stream = connection.execution_options(yield_per=_STREAMED).execute(query)
            for part in stream.partitions():
                rows = [dict(zip(columns, row, strict=True)) for row in part]
                batches.append(pa.RecordBatch.from_pylist(rows, schema))
        return pa.Table.from_batches(batches, schema)

    # Changes; all may be repeated without harm

    def add_people(self, batch: Sequence[Person]) -> int:
        """Add people or their profiles; how many were taken (the deleted are not)."""
        with self._engine.begin() as connection:
            return writing.put_people(connection, batch)

    def add_posts(self, batch: Sequence[Post]) -> int:
        """Add posts and their authors, or replace what is known of them; how many were taken.

        Raises: Conflict if a post is there already as another person's; nothing is added then.
        """
        authors = dict.fromkeys(post.user_id for post in batch)
        with self._engine.begin() as connection:
            writing.put_people(connection, [Person(author) for author in authors])
            return writing.put_posts(connection, batch)

    def put_post(self, post: Post, picture: StoredPicture | None = None) -> bool:
        """Write a post as its author wants it now, private or public; True if it is new.

        Raises: Gone if it or its author was deleted; Conflict if it is another person's.
        """
        with self._engine.begin() as connection:
            query = select(posts.c.image_hash).where(posts.c.post_id == post.post_id)
            before = connection.execute(query).one_or_none()
            if writing.buried(connection, post):
                raise Gone(
                    f"post {post.post_id!r:.140} or its author was deleted for good",
                    hint="write it under another id",
                )
            writing.put_people(connection, [Person(post.user_id)])
            if picture is not None and post.image_hash:
                put_pictures(connection, {post.image_hash: picture})
            writing.put_posts(connection, [post], may_publish=True)
            unindexed.mark(connection, post)
            drop_unused(connection, [before.image_hash] if before else [])
        return before is None

    def unindexed(self, post_ids: Collection[str] | None = None) -> dict[str, str]:
        """Posts that `put_post` wrote and the index may not have yet: a mark by id.

        Args:
            post_ids: some hundred at most; None for all.
        """
        with self._engine.connect() as connection:
            return unindexed.marks(connection, post_ids)

    def indexed(self, marks: Mapping[str, str]) -> None:
        """Say that the index has posts as they were when they had these marks, or needs not."""
        with self._engine.begin() as connection:
            unindexed.unmark(connection, marks)

    def add_pictures(self, batch: dict[str, StoredPicture]) -> None:
        """Store pictures by the hash of their content; those that no post shows are passed over."""
        with self._engine.begin() as connection:
            put_pictures(connection, batch)
            drop_unused(connection, list(batch))

    def add_reactions(self, batch: Sequence[Reaction]) -> int:
        """Add reactions and who reacted; how many were taken (neither end deleted)."""
        done = self.react(batch)
        return done.recorded + done.repeated

    def react(
        self, batch: Sequence[Reaction], keys: Sequence[str | None] | None = None
    ) -> writing.Reacted:
        """Add reactions and who reacted; each once, by its key or else by all that it says.

        Args:
            batch: n reactions.
            keys: n keys that the senders chose.
        """
        actors = dict.fromkeys(reaction.user_id for reaction in batch)
        with self._engine.begin() as connection:
            writing.put_people(connection, [Person(actor) for actor in actors])
            return writing.put_reactions(connection, batch, keys)

    def delete_post(self, post_id: str) -> int:
        """Delete a post and the reactions to it; no import brings it back.

        Returns: how many reactions.
        Raises: NotFound.
        """
        with self._engine.begin() as connection:
            gone = writing.erase_post(connection, post_id) if is_good_id(post_id) else None
            if gone is None:
                raise NotFound(f"no post {post_id!r:.140}")
            return gone

    def delete_person(self, user_id: str) -> tuple[list[str], int]:
        """Delete a person with posts and reactions; no import brings them back.

        Returns: the ids of the posts that went with them, and how many reactions.
        Raises: NotFound with the nearest known ids.
        """
        self.person(user_id)
        with self._engine.begin() as connection:
            return writing.erase_person(connection, user_id)

    def hold(self, name: str) -> AbstractContextManager[lease.Lease]:
        """Be the only process that does `name` for the body of a `with`; see `lease.hold`."""
        return lease.hold(self._engine, name)

    def _first(self, query: Select[str], count: int, exclude: Collection[str]) -> list[str]:
        """The first rows of a query that aren't excluded; a long exclusion fits no statement."""
        found: list[str] = []
        with (
            self._engine.connect().execution_options(yield_per=_STREAMED) as connection,
            connection.execute(query) as stream,
        ):
            for (post_id,) in stream:
                if len(found) == count:
                    break
                if post_id not in exclude:
                    found.append(post_id)
        return found

    def _near(self, user_id: str) -> list[str]:
        """Known ids that look alike, among those with the same beginning or else the first ones."""
        start = user_id[:2] if is_good_id(user_id) else ""
        alike = select(people.c.user_id).where(people.c.user_id.startswith(start, autoescape=True))
        some = select(people.c.user_id).order_by(people.c.user_id).limit(5000)
        with self._engine.connect() as connection:
            for query in (alike.order_by(people.c.user_id).limit(5000), some):
                ids = list(connection.scalars(query))
                if near := difflib.get_close_matches(user_id, ids, n=3):
                    return near
        return []


def _post(row: Row) -> Post:
    return Post(
        post_id=row.post_id,
        user_id=row.user_id,
        text=row.text,
        tags=tuple(row.tags),
        created_at=row.created_at,
        language=row.language,
        private=row.private,
        image_hash=row.image_hash,
    )
