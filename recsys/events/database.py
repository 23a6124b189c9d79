"""The event database: questions about people, posts and reactions, and changes to them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
from sqlalchemy import select

from recsys.config import EventsConfig
from recsys.events import (
    asking_people,
    asking_posts,
    asking_reactions,
    batches,
    erasing,
    imports,
    lease,
    listing,
    popularity,
    schema,
    stats,
    unindexed,
    writing,
)
from recsys.events.asking_reactions import Liked
from recsys.events.batches import Batch, Written
from recsys.events.boundaries import BoundaryStore
from recsys.events.chunks import chunks
from recsys.events.engine import open_engine
from recsys.events.exposures import Exposures
from recsys.events.outcomes import OutcomeReader
from recsys.events.pictures import StoredPicture, drop_unused, put_pictures, read_pictures
from recsys.events.recording import record
from recsys.events.records import Person, Post, Reaction
from recsys.events.shadows import Shadows
from recsys.events.stats import Stats
from recsys.events.tables import people, posts
from recsys.events.tallies import Tallies
from recsys.events.transactions import changing, reading
from recsys.events.unindexed import Backlog
from training.data.identity import is_good_id
from training.errors import NotFound
from training.recorder import SILENT, Recorder


class Events:
    """The truth about own, seen, private and deleted posts. Threads and processes may share it.

    Args:
        config: where it is.
        workspace: what a relative SQLite file is relative to.
        recorder: is told of each statement.

    Attributes:
        boundaries: what people muted, blocked and hid.
        tallies: how many reactions posts have.
        exposures: the log of what was shown.
        shadows: what variants of experiments would have shown.
        outcomes: what people did with what they were shown.
        imports: how far imports got.

    Raises: BadConfig, Unavailable; Conflict if a newer release made the database.
    """

    def __init__(self, config: EventsConfig, workspace: Path, recorder: Recorder = SILENT) -> None:
        self._engine = open_engine(config, workspace)
        record(self._engine, recorder)
        self.boundaries = BoundaryStore(self._engine)
        self.tallies = Tallies(self._engine)
        self.exposures = Exposures(self._engine)
        self.shadows = Shadows(self._engine)
        self.outcomes = OutcomeReader(self._engine)
        self.imports = imports.Imports(self._engine)

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
        with reading(self._engine) as connection:
            return asking_people.person(connection, user_id)

    def known(self, user_ids: Collection[str]) -> set[str]:
        """Those of the ids that are people."""
        with reading(self._engine) as connection:
            return asking_people.known(connection, user_ids)

    def profiles(self, user_ids: Collection[str]) -> dict[str, Person]:
        """Those of the people who say or show something of themselves, by id."""
        with reading(self._engine) as connection:
            return asking_people.profiles(connection, user_ids)

    def people(self) -> list[str]:
        """All ids, ascending."""
        with reading(self._engine) as connection:
            return sorted(connection.scalars(select(people.c.user_id)))

    def users_page(self, prefix: str, start: int, count: int) -> list[tuple[str, int]]:
        """People whose id begins so, with how many public posts they have, most first.

        Args:
            prefix: of the id; empty for all.
            start: how many to pass over.
            count: how many at most.
        """
        with reading(self._engine) as connection:
            return listing.people_by_posts(connection, prefix, start, count)

    def counts(self) -> listing.Counts:
        """How many people, posts and reactions there are."""
        with reading(self._engine) as connection:
            return listing.counts(connection)

    def stats(self) -> Stats:
        """What is there, in numbers."""
        with reading(self._engine) as connection:
            return stats.stats(connection, schema.head())

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
        with reading(self._engine) as connection:
            for part in chunks(hashes):
                found |= read_pictures(connection, part)
        return found

    def lacking_pictures(self, hashes: Collection[str]) -> set[str]:
        """Those of the hashes that a public post or a person shows and that are not stored."""
        with reading(self._engine) as connection:
            return asking_posts.lacking_pictures(connection, hashes)

    def posts(self, post_ids: Collection[str]) -> dict[str, Post]:
        """Those of the posts that exist, by id; private ones included."""
        with reading(self._engine) as connection:
            return asking_posts.by_id(connection, post_ids)

    def outlines(self, post_ids: Collection[str]) -> dict[str, Post]:
        """As `posts`, without texts: what rules and variety are decided by, of many."""
        with reading(self._engine) as connection:
            return asking_posts.outlines(connection, post_ids)

    def posts_of(self, user_id: str) -> list[Post]:
        """A person's posts, latest first, undated ones last; private ones included."""
        with reading(self._engine) as connection:
            return asking_posts.of_person(connection, user_id)

    def showing(self, image_hash: str) -> set[str]:
        """The posts with that picture."""
        query = select(posts.c.post_id).where(posts.c.image_hash == image_hash)
        with reading(self._engine) as connection:
            return set(connection.scalars(query))

    def visibility(self) -> dict[str, bool]:
        """All post ids: True for a public post, False for a private one."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(posts.c.post_id, posts.c.private))
            return {row.post_id: not row.private for row in rows}

    def post_pages(self, count: int = 1000) -> Iterator[list[Post]]:
        """All posts by id, some at a time, each page as it is when it is read."""
        after = ""
        while True:
            with reading(self._engine) as connection:
                found = asking_posts.page(connection, after, count)
            if not found:
                return
            yield found
            after = found[-1].post_id

    def visibility_pages(self, count: int = 10_000) -> Iterator[list[tuple[str, bool]]]:
        """As `visibility`, by id, some at a time."""
        after = ""
        while True:
            with reading(self._engine) as connection:
                found = asking_posts.visibility_page(connection, after, count)
            if not found:
                return
            yield found
            after = found[-1][0]

    def public_posts_of(self, user_ids: Collection[str], most: int) -> dict[str, list[Post]]:
        """The latest public posts of each person, at most `most`; an empty list without any."""
        with reading(self._engine) as connection:
            return asking_posts.public_of(connection, user_ids, most)

    def fresh(
        self, count: int, exclude: Collection[str] = (), *, undated: bool = True
    ) -> list[str]:
        """The latest public posts but for the excluded; at most `count` ids.

        Args:
            count: how many.
            exclude: ids to leave out.
            undated: whether posts without a date may fill it up.
        """
        with reading(self._engine) as connection:
            return asking_posts.fresh(connection, count, exclude, undated=undated)

    def popular(self, kinds: Sequence[str], count: int, exclude: Collection[str] = ()) -> list[str]:
        """The public posts with most reactions of these kinds; at most `count` ids."""
        with reading(self._engine) as connection:
            return popularity.popular(connection, kinds, count, exclude)

    # Reactions

    def reactions_of(self, user_id: str) -> list[Reaction]:
        """What a person did, latest first, undated last."""
        with reading(self._engine) as connection:
            return asking_reactions.of_person(connection, user_id)

    def seen_by(self, user_id: str) -> set[str]:
        """The posts that a person reacted to in any way, a view or a dislike included."""
        with reading(self._engine) as connection:
            return asking_reactions.seen_by(connection, user_id)

    def liked_by(
        self,
        user_ids: Collection[str],
        kinds: Collection[str],
        most: int,
        least: Mapping[str, float] | None = None,
    ) -> list[Liked]:
        """The latest public posts that each of some people approved of, by person, latest first.

        Args:
            user_ids: the people.
            kinds: of reactions that approve, if their value is above 0 or they have none.
            most: posts of each person.
            least: the least value that approves, for kinds with another rule; see
                `HistoryConfig.approving`.
        """
        with reading(self._engine) as connection:
            return asking_reactions.liked_by(connection, user_ids, kinds, most, least or {})

    def reactions_table(self) -> pa.Table:
        """All reactions, as `training.histories` reads them: user_id, post_id, kind, value."""
        with reading(self._engine) as connection:
            return asking_reactions.table(connection)

    def reaction_batches(self) -> Iterator[pa.RecordBatch]:
        """As `reactions_table`, some thousand at a time."""
        with reading(self._engine) as connection:
            yield from asking_reactions.table_batches(connection)

    # Changes; all may be repeated without harm

    def add_people(self, batch: Sequence[Person]) -> int:
        """Add people or their profiles; how many were taken (the deleted are not)."""
        with changing(self._engine) as connection:
            return writing.put_people(connection, batch)

    def add_posts(self, batch: Sequence[Post]) -> int:
        """Add posts and their authors, or replace what is known of them; how many were taken.

        Raises: Conflict if a post is there already as another person's; nothing is added then.
        """
        authors = dict.fromkeys(post.user_id for post in batch)
        with changing(self._engine) as connection:
            writing.put_people(connection, [Person(author) for author in authors])
            return writing.put_posts(connection, batch)

    def put_post(self, post: Post, picture: StoredPicture | None = None) -> bool:
        """Write a post as its author wants it now, private or public; True if it is new.

        Raises: Gone if it or its author was deleted; Conflict if it is another person's.
        """
        with changing(self._engine) as connection:
            return writing.put_post(connection, post, picture)

    def unindexed(self, post_ids: Collection[str] | None = None) -> dict[str, str]:
        """Posts that `put_post` wrote and the index may not have yet: a mark by id.

        Args:
            post_ids: some hundred at most; None for all.
        """
        with reading(self._engine) as connection:
            return unindexed.marks(connection, post_ids)

    def backlog(self, since: datetime | None = None) -> Backlog:
        """How much is here that an index, begun at `since`, hasn't yet."""
        with reading(self._engine) as connection:
            return unindexed.backlog(connection, since)

    def indexed(self, marks: Mapping[str, str]) -> None:
        """Say that the index has posts as they were when they had these marks, or needs not."""
        with changing(self._engine) as connection:
            unindexed.unmark(connection, marks)

    def add_pictures(self, batch: dict[str, StoredPicture]) -> None:
        """Store pictures by the hash of their content; those that no post shows are passed over."""
        with changing(self._engine) as connection:
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
        with changing(self._engine) as connection:
            writing.put_people(connection, [Person(actor) for actor in actors])
            ids = [
                writing.reaction_id(one, key)
                for one, key in zip(batch, keys or [None] * len(batch), strict=True)
            ]
            return writing.put_reactions(connection, batch, ids)

    def ingest(
        self,
        batch: Batch,
        *,
        mark: str = "",
        rows: int = 0,
        before_commit: Callable[[Written], None] | None = None,
    ) -> Written:
        """Write a batch whole or not at all; when this returns it is on disk.

        Args:
            batch: people, posts, reactions and boundaries. Posts that are another person's are left
                out, and named in what is returned.
            mark: of the import that it is a part of, if it is; see `Imports`.
            rows: of that import that are in with this batch.
            before_commit: told what became of the batch; if it raises, nothing of it is written.
        """
        with changing(self._engine) as connection:
            done = batches.write(connection, batch)
            if mark:
                imports.advance(connection, mark, rows)
            if before_commit:
                before_commit(done)
        return done

    def delete_post(self, post_id: str) -> int:
        """Delete a post and the reactions to it; no import brings it back.

        Returns: how many reactions.
        Raises: NotFound.
        """
        with changing(self._engine, erasing=True) as connection:
            gone = erasing.erase_post(connection, post_id) if is_good_id(post_id) else None
            if gone is None:
                raise NotFound(f"no post {post_id!r:.140}")
            return gone

    def delete_person(self, user_id: str) -> tuple[list[str], int]:
        """Delete a person with posts and reactions; no import brings them back.

        Returns: the ids of the posts that went with them, and how many reactions.
        Raises: NotFound with the nearest known ids.
        """
        self.person(user_id)
        with changing(self._engine, erasing=True) as connection:
            return erasing.erase_person(connection, user_id)

    def hold(self, name: str) -> AbstractContextManager[lease.Lease]:
        """Be the only process that does `name` for the body of a `with`; see `lease.hold`."""
        return lease.hold(self._engine, name)
