"""The one writer: posts, reactions and deletions; and the index kept to database and champion.

Milvus Lite takes one writer, so there is one copy of this. It writes the event database first,
which is the truth, then the index; a death in between is mended by the next copy, which compares
the two when it starts.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np

from recsys.drift import drift, remove_extra
from recsys.erase import Erased, erase_person, erase_post, remove_posts
from recsys.events.boundaries import BoundaryKind
from recsys.events.database import Events
from recsys.events.exposures import Exposure
from recsys.events.pictures import StoredPicture, displayed
from recsys.events.records import Person, Post, Reaction
from recsys.live import put_posts, put_profile
from recsys.milvus import Vanished
from recsys.vectors import VectorStore
from recsys.versions import Target, Version
from serving.calls import answering, call
from serving.deployments.user import Fused, Someone
from serving.index_figures import tell_index
from serving.measures import INDEX_LAG_POSTS, TRACKING_UP
from serving.settings import ServingSettings
from serving.threads import in_thread
from serving.views import post_view
from serving.watch import watch
from serving.wire.people import BoundaryChanged, BoundaryName, UserWrite, UserWritten
from serving.wire.writes import PostWrite, PostWritten, ReactionsWritten, ReactionWrite, Receipt
from training.errors import CommonspaceError, Gone, NotFound, Unavailable

T = TypeVar("T")
_MENDED_AT_ONCE = 32
_ATTEMPTS = 5
_log = logging.getLogger(__name__)


class Writing:
    """Takes all changes, and keeps watch over the index.

    Args:
        settings: of the service.
        text: handle of the text encoder.
        image: handle of the image encoder.
        user: handle of the user encoder.
    """

    async def __init__(self, settings: ServingSettings, text: Any, image: Any, user: Any) -> None:
        self._settings = settings
        self._text, self._image, self._user = text, image, user
        self._recorder = watch(settings, "writer")
        self._store = VectorStore(settings.index, settings.workspace, self._recorder)
        self._events = Events(settings.events, settings.workspace, self._recorder)
        self._indexing = asyncio.Lock()  # one writer
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="writer")
        self._mended: Version | None = None
        self._mended_at = 0.0
        self._watch = asyncio.create_task(self._watching())

    @answering
    async def state(self) -> None:
        """Answers if the index does. Raises: Unavailable, NotFound."""
        await self._in_thread(self._live)

    async def check_health(self) -> None:
        """Called by Serve. Raises: RuntimeError if the watch over the index has ended."""
        if self._watch.done():
            raise RuntimeError("nobody watches over the index")

    @answering
    async def put_post(self, post_id: str, written: PostWrite) -> PostWritten:
        """Write a post; once this returns it is on disk and can be found.

        Raises: BadData for an unreadable picture; Gone; Conflict; Unavailable.
        """
        picture, image_hash = None, None
        if written.image is not None:
            picture = await self._in_thread(lambda: displayed(written.image or b""))
            image_hash = hashlib.blake2b(written.image, digest_size=16).hexdigest()
        post = Post(
            post_id=post_id,
            user_id=written.user_id,
            text=written.text,
            tags=tuple(dict.fromkeys(written.tags)),
            created_at=written.created_at or datetime.now(UTC),
            language=written.language,
            private=written.private,
            image_hash=image_hash,
        )
        if written.created_at is None:  # written again, it keeps the time of the first writing
            before = await self._in_thread(lambda: self._events.posts([post_id]).get(post_id))
            if before and before.created_at and before.user_id == post.user_id:
                post = replace(post, created_at=before.created_at)
        created = await self._in_thread(lambda: self._events.put_post(post, picture))
        version = None
        if post.private:
            async with self._indexing:
                await self._in_thread(lambda: remove_posts(self._store, [post_id]))
        else:
            version = await self._index([post], {post_id: picture})
        return PostWritten(
            post=post_view(post), created=created, model_version=version and version.model
        )

    @answering
    async def react(self, reactions: Sequence[ReactionWrite]) -> ReactionsWritten:
        """Record reactions; they count in the next answer."""
        now = datetime.now(UTC)
        records = [
            Reaction(one.user_id, one.post_id, one.kind, one.value, one.created_at or now)
            for one in reactions
        ]
        keys = [one.key for one in reactions]
        done = await self._in_thread(lambda: self._events.react(records, keys))
        return ReactionsWritten(
            recorded=done.recorded, repeated=done.repeated, refused=done.refused
        )

    @answering
    async def put_user(self, user_id: str, written: UserWrite) -> UserWritten:
        """Write what a person says about themselves; by it a newcomer has a place at once.

        Raises: Gone if they were deleted; Unavailable.
        """

        def write() -> bool:
            known = user_id in self._events.known([user_id])
            if not self._events.add_people([Person(user_id, written.profile)]):
                raise Gone(f"person {user_id!r:.140} was deleted for good", hint="take another id")
            return not known

        created = await self._in_thread(write)
        await self._place(user_id)
        return UserWritten(user_id=user_id, created=created)

    @answering
    async def put_boundary(self, user_id: str, kind: BoundaryName, target: str) -> BoundaryChanged:
        """Keep something away from a person. Raises: NotFound; BadData; Gone."""

        def write() -> bool:
            self._events.person(user_id)
            return self._events.boundaries.put(user_id, BoundaryKind(kind), target)

        return BoundaryChanged(kind=kind, target=target, changed=await self._in_thread(write))

    @answering
    async def delete_boundary(
        self, user_id: str, kind: BoundaryName, target: str
    ) -> BoundaryChanged:
        """Take that back. Raises: NotFound."""

        def write() -> bool:
            self._events.person(user_id)
            return self._events.boundaries.remove(user_id, BoundaryKind(kind), target)

        return BoundaryChanged(kind=kind, target=target, changed=await self._in_thread(write))

    @answering
    async def log_exposures(self, exposures: Sequence[Exposure]) -> int:
        """Record what was shown; how many entries are new."""
        return await self._in_thread(lambda: self._events.exposures.add(exposures))

    @answering
    async def delete_post(self, post_id: str) -> Receipt:
        """Delete a post for good. Raises: NotFound."""
        return await self._erase(lambda: erase_post(self._events, self._store, post_id))

    @answering
    async def delete_user(self, user_id: str) -> Receipt:
        """Delete a person with all that they posted and did. Raises: NotFound."""
        return await self._erase(lambda: erase_person(self._events, self._store, user_id))

    async def _erase(self, work: Callable[[], Erased]) -> Receipt:
        async with self._indexing:
            try:
                erased = await self._in_thread(work)
            except (Unavailable, Vanished):
                # the database has deleted, so no answer shows it; the rows go at the next look
                self._mended = None
                raise
        return Receipt(deleted=erased.id, posts=list(erased.posts), reactions=erased.reactions)

    async def _index(
        self, posts: Sequence[Post], pictures: dict[str, StoredPicture | None]
    ) -> Version:
        """Embed posts and write them into the live version, whichever that is when it is done."""
        for _ in range(_ATTEMPTS):
            version = await self._in_thread(self._live)
            vectors = await self._embedded(version.model, posts, pictures)
            try:
                async with self._indexing:
                    await self._in_thread(
                        lambda version=version, vectors=vectors: put_posts(
                            self._events, self._store, version, posts, vectors
                        )
                    )
            except Vanished:
                await self._in_thread(self._store.forget)
                continue
            if await self._in_thread(self._live) == version:
                return version
        raise Unavailable("the index changes too fast to be written", hint="try again in a second")

    async def _place(self, user_id: str) -> None:
        """Place someone by their profile in the live version, if nothing else is known of them."""
        for _ in range(_ATTEMPTS):
            person, image = await self._in_thread(lambda: self._profile(user_id))
            version = await self._in_thread(self._live)
            place = await self._place_of(version.model, person, image)
            if place is None:
                return
            try:
                async with self._indexing:
                    await self._in_thread(
                        lambda version=version, person=person, place=place: put_profile(
                            self._events, self._store, version, person, place
                        )
                    )
            except Vanished:
                await self._in_thread(self._store.forget)
                continue
            if await self._in_thread(self._live) == version:
                return
        raise Unavailable("the index changes too fast to be written", hint="try again in a second")

    def _profile(self, user_id: str) -> tuple[Person, bytes | None]:
        person = self._events.person(user_id)
        picture = self._events.pictures([person.image_hash or ""]).get(person.image_hash or "")
        return person, picture.data if picture else None

    async def _place_of(self, model: str, person: Person, image: bytes | None) -> np.ndarray | None:
        """As `newcomers.place_of_profile`, by the encoders: a profile is a history of one post."""
        (_, texts), (_, images) = await asyncio.gather(
            _encoded(self._text, model, [person.profile or None]),
            _encoded(self._image, model, [image]),
        )
        someone = Someone(None, Fused(images, texts), [1.0])
        try:
            return (await call(self._user.people, model, [someone]))[0]
        except NotFound:  # such a model places nobody without an id
            return None

    async def _embedded(
        self, model: str, posts: Sequence[Post], pictures: dict[str, StoredPicture | None]
    ) -> dict[Target, np.ndarray]:
        """(n, D) rows of posts, images and texts; NaN where a post has none."""
        texts = [post.text for post in posts]
        images = [one.data if (one := pictures.get(post.post_id)) else None for post in posts]
        (text, text_rows), (image, image_rows) = await asyncio.gather(
            _encoded(self._text, model, texts), _encoded(self._image, model, images)
        )
        fused = await call(self._user.posts, model, Fused(image_rows, text_rows))
        nothing = np.full(fused.shape, np.nan, np.float32)
        return {
            Target.POSTS: fused,
            Target.TEXTS: nothing if text is None else text,
            Target.IMAGES: nothing if image is None else image,
        }

    async def _watching(self) -> None:
        """Follow the champion, and mend the index when it changed or a while has passed."""
        while True:
            try:
                await self._follow_champion()
                backlog = await self._in_thread(self._events.backlog)
                self._recorder.set(INDEX_LAG_POSTS, backlog.posts)
                live = await self._in_thread(self._live)
                due = time.monotonic() - self._mended_at > self._settings.serve.repair_s
                if live != self._mended or due:
                    await self._mend(live)
                    self._mended, self._mended_at = live, time.monotonic()
            except CommonspaceError as error:
                _log.warning("the index can't be looked after now: %s", error.message)
            except Exception:
                _log.exception("the index can't be looked after now")
            await asyncio.sleep(self._settings.serve.follow_s)

    async def _follow_champion(self) -> None:
        """Switch to the champion's index, if it has one that is complete."""
        champion = await self._in_thread(self._champion)
        live = await self._in_thread(self._live)
        if champion is None or live.model == champion:
            return
        versions = await self._in_thread(self._store.versions)
        ready = [version for version in versions if version.model == champion]
        if not ready:
            return
        for handle in (self._text, self._image, self._user):
            await call(handle.prepare, champion)
        async with self._indexing:
            await self._in_thread(lambda: self._store.use(ready[0]))
        _log.warning("the champion is version %s: in use from now on, %s", champion, ready[0])

    async def _mend(self, live: Version) -> None:
        """Bring the live version to what the event database holds."""
        view = await self._in_thread(lambda: self._store.open(live))
        found = await self._in_thread(lambda: drift(self._events, view))
        await self._in_thread(lambda: tell_index(self._recorder, self._events, view, found))
        if not found:
            return
        _log.warning(
            "the index differs from the event database: %d posts are missing or outdated, "
            "%d too many, %d people too many",
            len(found.to_embed),
            len(found.extra),
            len(found.strangers),
        )
        async with self._indexing:
            await self._in_thread(lambda: remove_extra(found, self._store))
        for start in range(0, len(found.to_embed), _MENDED_AT_ONCE):
            part = found.to_embed[start : start + _MENDED_AT_ONCE]
            posts, pictures = await self._in_thread(lambda part=part: self._stored(part))
            if posts:
                await self._index(posts, pictures)

    def _stored(
        self, post_ids: Sequence[str]
    ) -> tuple[list[Post], dict[str, StoredPicture | None]]:
        """Public posts with something that can be embedded, and their pictures."""
        posts = [post for post in self._events.posts(post_ids).values() if not post.private]
        stored = self._events.pictures([post.image_hash for post in posts if post.image_hash])
        pictures = {post.post_id: stored.get(post.image_hash or "") for post in posts}
        return [post for post in posts if post.text or pictures[post.post_id]], pictures

    def _live(self) -> Version:
        return self._store.live().version

    def _champion(self) -> str | None:
        from training.tracking.server import Tracking
        from training.tracking.versions import show_model

        tracking = Tracking(self._settings.tracking, self._settings.workspace)
        try:
            champion = str(show_model(tracking).version)
        except NotFound:
            champion = None
        except Unavailable:
            self._recorder.set(TRACKING_UP, 0)
            raise
        self._recorder.set(TRACKING_UP, 1)
        return champion

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await in_thread(self._threads, work)


async def _encoded(
    handle: Any, model: str, raw: Sequence[Any]
) -> tuple[np.ndarray | None, list[np.ndarray | None]]:
    """(n, D) vectors, NaN for what is absent, or None if all is; and encoder features by row."""
    present = [one for one in raw if one is not None]
    if not present:
        return None, [None] * len(raw)
    answer = await call(handle.encode, model, present)
    vectors = np.full((len(raw), answer.vectors.shape[1]), np.nan, np.float32)
    there = [at for at, one in enumerate(raw) if one is not None]
    vectors[there] = answer.vectors
    rows: list[np.ndarray | None] = [None] * len(raw)
    for at, row in zip(there, answer.features, strict=True):
        rows[at] = row
    return vectors, rows
