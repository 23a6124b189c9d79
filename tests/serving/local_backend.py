"""A backend in this process: a real recommender over a small world on Milvus Lite.

Writing, pictures and cursors, which on a server are parts of their own, are dictionaries here.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import torch
from PIL import Image

from recsys.answers import Reason, Recommendation
from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.events.records import Post, Reaction
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from recsys.versions import Target
from serving.backend import Picture
from serving.wire.answers import (
    Hits,
    HitView,
    PostView,
    ReasonView,
    Recommendations,
    RecommendationView,
    SimilarUsers,
    SimilarUserView,
    Users,
    UserView,
)
from serving.wire.embeddings import Embeddings, UserContent
from serving.wire.operations import PartState, Readiness
from serving.wire.search import Filters, SearchRequest
from serving.wire.writes import (
    PostWrite,
    PostWritten,
    ReactionsWritten,
    ReactionWrite,
    Receipt,
    SessionRequest,
)
from tests.recsys.world import (
    IMAGE_WIDTH,
    TEXT_WIDTH,
    ProjectionSpace,
    fill,
    open_events,
    open_store,
    publish,
    small_world,
)
from training.errors import Conflict, NotFound

VERSION = "1"
MOST = 1000


class HashedSpace(ProjectionSpace):
    """Any text and any picture has features: numbers drawn by its content."""

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        return self.embed_texts(_drawn([text.encode() for text in texts], TEXT_WIDTH))

    def encode_image(self, images: Sequence[bytes]) -> np.ndarray:
        return self.embed_images(_drawn(images, IMAGE_WIDTH))


def _drawn(contents: Sequence[bytes], width: int) -> torch.Tensor:
    seeds = [int.from_bytes(hashlib.sha256(one).digest()[:8], "little") for one in contents]
    rows = [np.random.default_rng(seed).standard_normal(width) for seed in seeds]
    return torch.tensor(np.stack(rows), dtype=torch.float32)


class LocalBackend:
    """All of `serving.backend.Backend`.

    Args:
        store: of the world's vectors.
        events: of the world.
        space: that embedded it.
    """

    def __init__(self, store: VectorStore, events: Events, space: HashedSpace) -> None:
        self.store, self.events = store, events
        self.ready = True
        self._space = space
        config = RecommendConfig()
        self._recommender = Recommender(store, events, config, space, VERSION)
        self._pictures: dict[str, bytes] = {}
        self._keys: set[object] = set()

    def close(self) -> None:
        self.store.close()
        self.events.close()

    # Embeddings

    async def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        return _embeddings(self._space.encode_text(texts))

    async def embed_images(self, images: Sequence[bytes]) -> Embeddings:
        return _embeddings(self._space.encode_image(images))

    async def embed_users(self, users: Sequence[UserContent]) -> Embeddings:
        for user in users:
            if user.user_id is not None:
                self.events.person(user.user_id)
        names = [(user.user_id or str(len(user.posts))).encode() for user in users]
        return _embeddings(self._space.encode_image(names))

    # Questions

    async def search(self, request: SearchRequest) -> Hits:
        part = request.query[0]
        target = Target(request.target)
        text = part.text
        if part.post_id is not None:
            text = self._public(part.post_id).title
        if text is not None and not text.strip():
            text = "space"
        start, limit = _start(request.cursor), request.limit
        found = self._recommender.search(
            text=text, image=part.image, user=part.user_id, for_=target, k=MOST
        )
        hits = [
            HitView(
                id=hit.id,
                score=hit.score,
                post=None if target is Target.USERS else self._view(self._public(hit.id)),
            )
            for hit in found
            if target is Target.USERS or _passes(self._public(hit.id), request.filters)
        ]
        return Hits(
            model_version=VERSION,
            items=hits[start : start + limit],
            next_cursor=_next(hits, start, limit),
        )

    async def recommend(
        self, user_id: str, limit: int, cursor: str | None, filters: Filters
    ) -> Recommendations:
        start = _start(cursor)
        found = self._recommender.recommend(user_id, MOST)
        kept = [one for one in found if _passes(self._public(one.post_id), filters)]
        return Recommendations(
            model_version=VERSION,
            items=[self._recommendation(one) for one in kept[start : start + limit]],
            next_cursor=_next(kept, start, limit),
        )

    async def similar(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        start = _start(cursor)
        found = self._recommender.similar(user_id, MOST)
        return SimilarUsers(
            model_version=VERSION,
            items=[
                SimilarUserView(
                    user_id=one.user_id,
                    score=one.score,
                    reasons=[_reason(reason) for reason in one.reasons],
                    posts=await self.posts_of(one.user_id, 3),
                )
                for one in found[start : start + limit]
            ],
            next_cursor=_next(found, start, limit),
        )

    async def related(self, post_id: str, limit: int, cursor: str | None) -> Hits:
        query = {"query": [{"post_id": post_id}], "limit": limit, "cursor": cursor}
        return await self.search(SearchRequest.model_validate(query))

    async def session(self, request: SessionRequest) -> Recommendations:
        for post_id in request.liked:
            self._public(post_id)
        hidden = {*request.liked, *request.seen}
        start, limit = _start(request.cursor), request.limit
        ids = self.events.fresh(MOST, hidden)
        items = [
            RecommendationView(
                post=self._view(self._public(post_id)), score=0.0, reasons=[], sources=["fresh"]
            )
            for post_id in ids[start : start + limit]
        ]
        return Recommendations(
            model_version=VERSION,
            fallback=True,
            items=items,
            next_cursor=_next(ids, start, limit),
        )

    async def post(self, post_id: str) -> PostView:
        return self._view(self._public(post_id))

    async def posts_of(self, user_id: str, limit: int) -> list[PostView]:
        self.events.person(user_id)
        return [self._view(post) for post in self.events.public_posts_of([user_id], limit)[user_id]]

    async def picture(self, post_id: str) -> Picture:
        self._public(post_id)
        if post_id not in self._pictures:
            raise NotFound(f"post {post_id!r} has no picture")
        data = self._pictures[post_id]
        kind = Image.open(io.BytesIO(data)).get_format_mimetype() or ""
        return Picture(data, kind, hashlib.sha256(data).hexdigest())

    async def users(self, prefix: str, limit: int, cursor: str | None) -> Users:
        start = _start(cursor)
        ids = [user_id for user_id in self.events.people() if user_id.startswith(prefix)]
        counts = {id: len(posts) for id, posts in self.events.public_posts_of(ids, MOST).items()}
        ids.sort(key=lambda user_id: (-counts[user_id], user_id))
        return Users(
            items=[UserView(user_id=id, posts=counts[id]) for id in ids[start : start + limit]],
            next_cursor=_next(ids, start, limit),
        )

    async def community_map(self) -> bytes | None:
        return None

    # Changes

    async def put_post(self, post_id: str, post: PostWrite) -> PostWritten:
        known = self.events.posts([post_id])
        record = Post(
            post_id=post_id,
            user_id=post.user_id,
            text=post.text,
            tags=tuple(post.tags),
            created_at=post.created_at or datetime.now(UTC),
            language=post.language,
            private=post.private,
        )
        if not self.events.add_posts([record]):
            raise Conflict(f"post {post_id!r} was deleted")
        self._pictures.pop(post_id, None)
        if post.image is not None:
            self._pictures[post_id] = post.image
        return PostWritten(
            post=self._view(record),
            created=post_id not in known,
            model_version=None if post.private else VERSION,
        )

    async def react(self, reactions: Sequence[ReactionWrite]) -> ReactionsWritten:
        fresh = [one for one in reactions if one.key is None or one.key not in self._keys]
        self._keys |= {one.key for one in fresh if one.key is not None}
        records = [
            Reaction(one.user_id, one.post_id, one.kind, one.value, one.created_at) for one in fresh
        ]
        recorded = self.events.add_reactions(records)
        return ReactionsWritten(
            recorded=recorded,
            repeated=len(reactions) - len(fresh),
            refused=len(fresh) - recorded,
        )

    async def delete_post(self, post_id: str) -> Receipt:
        self.events.delete_post(post_id)
        return Receipt(deleted=post_id, posts=[post_id], reactions=0)

    async def delete_user(self, user_id: str) -> Receipt:
        count = len(self.events.reactions_of(user_id))
        posts = self.events.delete_person(user_id)
        return Receipt(deleted=user_id, posts=posts, reactions=count)

    async def readiness(self) -> Readiness:
        part = PartState(name="recommender", ready=self.ready)
        return Readiness(ready=self.ready, model_version=VERSION, index_build=1, parts=[part])

    # Views

    def _public(self, post_id: str) -> Post:
        post = self.events.posts([post_id]).get(post_id)
        if post is None or post.private:
            raise NotFound(f"no post {post_id!r}")
        return post

    def _view(self, post: Post) -> PostView:
        url = f"/v1/posts/{post.post_id}/image" if post.post_id in self._pictures else None
        return PostView(
            post_id=post.post_id,
            user_id=post.user_id,
            title=post.title,
            text=post.text,
            tags=list(post.tags),
            language=post.language,
            created_at=post.created_at,
            image_url=url,
        )

    def _recommendation(self, one: Recommendation) -> RecommendationView:
        return RecommendationView(
            post=self._view(self._public(one.post_id)),
            score=one.score,
            reasons=[_reason(reason) for reason in one.reasons],
            sources=list(one.sources),
        )


def open_backend(folder) -> LocalBackend:
    """A backend over `small_world()`; its store and database stay open."""
    world, space = small_world(), HashedSpace()
    store, events = open_store(folder), open_events(folder)
    fill(events, world)
    vectors = space.embed_posts(world.features.posts)
    posts = dict(zip(world.posts, vectors, strict=True))
    people = {}
    for person in sorted({post.user_id for post in world.posts}):
        mean = vectors[world.features.user_ids == person].mean(0)
        people[person] = mean / np.linalg.norm(mean)
    publish(store, VERSION, posts, people)
    return LocalBackend(store, events, space)


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), colour: str = "red") -> bytes:
    """An encoded picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def _embeddings(vectors: np.ndarray) -> Embeddings:
    return Embeddings(
        model_version=VERSION, dimension=vectors.shape[1], embeddings=vectors.tolist()
    )


def _reason(reason: Reason) -> ReasonView:
    return ReasonView(
        kind=reason.kind,
        text=reason.text,
        contribution=reason.contribution,
        posts=list(reason.posts),
    )


def _passes(post: Post, filters: Filters) -> bool:
    return (
        (not filters.authors or post.user_id in filters.authors)
        and post.user_id not in filters.not_authors
        and (not filters.languages or post.language in filters.languages)
        and (filters.created_after is None or _at(post) >= filters.created_after)
        and (filters.created_before is None or _at(post) < filters.created_before)
    )


def _at(post: Post) -> datetime:
    return post.created_at or datetime.min.replace(tzinfo=UTC)


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        start = int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise NotFound("there is no such page", hint="leave `cursor` out") from None
    if not 0 <= start <= MOST:
        raise NotFound("there is no such page", hint="leave `cursor` out")
    return start


def _next(found: Sequence[object], start: int, limit: int) -> str | None:
    if start + limit >= len(found):
        return None
    return base64.urlsafe_b64encode(str(start + limit).encode()).decode().rstrip("=")
