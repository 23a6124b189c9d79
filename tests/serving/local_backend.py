"""A backend in this process: a real recommender over a small world on Milvus Lite.

Only its encoders are made up: a content's features are numbers drawn by its hash.
"""

import base64
import hashlib
import io
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import torch
from PIL import Image

from recsys.answers import Hit, SimilarUser
from recsys.answers import Recommendations as Answer
from recsys.config import RecommendConfig
from recsys.erase import Erased, erase_person, erase_post, remove_posts
from recsys.events.boundaries import BoundaryKind
from recsys.events.database import Events
from recsys.events.pictures import displayed
from recsys.events.records import Person, Post, Reaction
from recsys.live import put_posts
from recsys.mixing import QueryVector
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View
from serving.backend import Picture
from serving.deployments.recommender import post_filter
from serving.views import boundaries_view, post_view, recommendation_view, similar_views
from serving.wire.answers import (
    Hits,
    HitView,
    PostView,
    Recommendations,
    SimilarUsers,
    Users,
    UserView,
)
from serving.wire.embeddings import Embeddings, UserContent
from serving.wire.operations import PartState, Readiness
from serving.wire.people import (
    BoundariesView,
    BoundaryChanged,
    BoundaryName,
    UserWrite,
    UserWritten,
)
from serving.wire.search import Filters, QueryPart, SearchRequest
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
from training.errors import Gone, NotFound

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
        self._recommender = Recommender(store, events, RecommendConfig(), space, VERSION)

    def close(self) -> None:
        self.store.close()
        self.events.close()

    # Embeddings

    async def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        return _embeddings(self._space.encode_text(texts))

    async def embed_images(self, images: Sequence[bytes]) -> Embeddings:
        return _embeddings(self._space.encode_image(images))

    async def embed_users(self, users: Sequence[UserContent]) -> Embeddings:
        view = self.store.live()
        rows = [
            self._recommender.place(user.user_id, view).vector
            if user.user_id is not None
            else _mean([self._of_content(post.text, post.image) for post in user.posts])
            for user in users
        ]
        return _embeddings(np.stack(rows))

    # Questions

    async def search(self, request: SearchRequest) -> Hits:
        start, limit = _start(request.cursor), request.limit
        where = post_filter(request.filters)
        target = Target(request.target)
        users = {part.user_id for part in request.query if part.user_id is not None}
        exclude = frozenset(users if target is Target.USERS else ())

        def ask(view: View) -> list[Hit]:
            parts = [self._part(part, view) for part in request.query]
            return self._recommender.nearest(
                parts, target, MOST, where=where, exclude=exclude, view=view
            )

        return self._hits(self.store.read(ask), target, start, limit)

    async def recommend(
        self, user_id: str, limit: int, cursor: str | None, filters: Filters
    ) -> Recommendations:
        found = self._recommender.recommend(user_id, MOST, where=post_filter(filters))
        return self._recommendations(found, _start(cursor), limit)

    async def similar(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        return self._people(self._recommender.similar(user_id, MOST), _start(cursor), limit)

    async def to_follow(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        return self._people(self._recommender.to_follow(user_id, MOST), _start(cursor), limit)

    async def related(self, post_id: str, limit: int, cursor: str | None) -> Hits:
        found = self._recommender.related(post_id, MOST)
        return self._hits(found, Target.POSTS, _start(cursor), limit)

    async def session(self, request: SessionRequest) -> Recommendations:
        found = self._recommender.for_session(request.liked, request.seen, MOST)
        return self._recommendations(found, _start(request.cursor), request.limit)

    async def post(self, post_id: str) -> PostView:
        return post_view(self._public(post_id))

    async def posts_of(self, user_id: str, limit: int) -> list[PostView]:
        self.events.person(user_id)
        return [post_view(post) for post in self.events.public_posts_of([user_id], limit)[user_id]]

    async def picture(self, post_id: str) -> Picture:
        found = self.events.picture(post_id)
        if found is None:
            raise NotFound(f"post {post_id!r} has no picture")
        return Picture(found.data, found.media_type, hashlib.sha256(found.data).hexdigest())

    async def users(self, prefix: str, limit: int, cursor: str | None) -> Users:
        start = _start(cursor)
        found = self.events.users_page(prefix, start, limit + 1)
        return Users(
            items=[UserView(user_id=id, posts=count) for id, count in found[:limit]],
            next_cursor=_cursor(start + limit) if len(found) > limit else None,
        )

    async def boundaries(self, user_id: str) -> BoundariesView:
        self.events.person(user_id)
        return boundaries_view(self.events.boundaries.of(user_id))

    async def community_map(self) -> bytes | None:
        return None

    # Changes

    async def put_post(self, post_id: str, post: PostWrite) -> PostWritten:
        record = Post(
            post_id=post_id,
            user_id=post.user_id,
            text=post.text,
            tags=tuple(post.tags),
            created_at=post.created_at or datetime.now(UTC),
            language=post.language,
            private=post.private,
            image_hash=_hash(post.image) if post.image else None,
        )
        created = self.events.put_post(record, displayed(post.image) if post.image else None)
        if post.private:
            remove_posts(self.store, [post_id])
            return PostWritten(post=post_view(record), created=created)
        nothing = np.full((1, self._space.dimension), np.nan, np.float32)
        vectors = {
            Target.POSTS: self._of_content(post.text, post.image)[None],
            Target.IMAGES: self._space.encode_image([post.image]) if post.image else nothing,
            Target.TEXTS: self._space.encode_text([post.text]) if post.text else nothing,
        }
        put_posts(self.events, self.store, self.store.live().version, [record], vectors)
        return PostWritten(post=post_view(record), created=created, model_version=VERSION)

    async def put_user(self, user_id: str, user: UserWrite) -> UserWritten:
        created = user_id not in self.events.known([user_id])
        if not self.events.add_people([Person(user_id, user.profile)]):
            raise Gone(f"person {user_id!r} was deleted for good")
        return UserWritten(user_id=user_id, created=created)

    async def put_boundary(self, user_id: str, kind: BoundaryName, target: str) -> BoundaryChanged:
        self.events.person(user_id)
        changed = self.events.boundaries.put(user_id, BoundaryKind(kind), target)
        return BoundaryChanged(kind=kind, target=target, changed=changed)

    async def delete_boundary(
        self, user_id: str, kind: BoundaryName, target: str
    ) -> BoundaryChanged:
        self.events.person(user_id)
        changed = self.events.boundaries.remove(user_id, BoundaryKind(kind), target)
        return BoundaryChanged(kind=kind, target=target, changed=changed)

    async def react(self, reactions: Sequence[ReactionWrite]) -> ReactionsWritten:
        records = [
            Reaction(one.user_id, one.post_id, one.kind, one.value, one.created_at)
            for one in reactions
        ]
        done = self.events.react(records, [one.key for one in reactions])
        return ReactionsWritten(
            recorded=done.recorded, repeated=done.repeated, refused=done.refused
        )

    async def delete_post(self, post_id: str) -> Receipt:
        return _receipt(erase_post(self.events, self.store, post_id))

    async def delete_user(self, user_id: str) -> Receipt:
        return _receipt(erase_person(self.events, self.store, user_id))

    async def readiness(self) -> Readiness:
        part = PartState(name="recommender", ready=self.ready)
        return Readiness(ready=self.ready, model_version=VERSION, index_build=1, parts=[part])

    # Parts

    def _public(self, post_id: str) -> Post:
        post = self.events.posts([post_id]).get(post_id)
        if post is None or post.private:
            raise NotFound(f"no post {post_id!r}")
        return post

    def _part(self, part: QueryPart, view: View) -> QueryVector:
        if part.user_id is not None:
            found = self._recommender.place(part.user_id, view)
        elif part.post_id is not None:
            found = self._recommender.place_of_post(part.post_id, view)
        elif part.text is not None:
            found = QueryVector(Target.TEXTS, self._space.encode_text([part.text])[0])
        else:
            assert part.image is not None
            found = QueryVector(Target.IMAGES, self._space.encode_image([part.image])[0])
        return replace(found, weight=part.weight)

    def _of_content(self, text: str | None, image: bytes | None) -> np.ndarray:
        texts = [self._space.encode_text([text])[0]] if text is not None else []
        images = [self._space.encode_image([image])[0]] if image is not None else []
        return _mean(texts + images)

    def _hits(self, found: Sequence[Hit], target: Target, start: int, limit: int) -> Hits:
        people = target is Target.USERS
        return Hits(
            model_version=VERSION,
            items=[
                HitView(
                    id=hit.id,
                    score=hit.score,
                    post=None if people else post_view(self._public(hit.id)),
                )
                for hit in found[start : start + limit]
            ],
            next_cursor=_next(found, start, limit),
        )

    def _people(self, found: Sequence[SimilarUser], start: int, limit: int) -> SimilarUsers:
        return SimilarUsers(
            model_version=VERSION,
            items=similar_views(found[start : start + limit], self.events, 4),
            next_cursor=_next(found, start, limit),
        )

    def _recommendations(self, found: Answer, start: int, limit: int) -> Recommendations:
        return Recommendations(
            model_version=VERSION,
            fallback=found.fallback,
            request_id=uuid.uuid4().hex,
            items=[
                recommendation_view(one, self._public(one.post_id))
                for one in found[start : start + limit]
            ],
            next_cursor=_next(found, start, limit),
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


def _hash(image: bytes) -> str:
    return hashlib.blake2b(image, digest_size=16).hexdigest()


def _receipt(erased: Erased) -> Receipt:
    return Receipt(deleted=erased.id, posts=list(erased.posts), reactions=erased.reactions)


def _mean(vectors: Sequence[np.ndarray]) -> np.ndarray:
    total = np.sum(vectors, axis=0)
    return total / np.linalg.norm(total)


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
    return _cursor(start + limit) if start + limit < len(found) else None


def _cursor(start: int) -> str:
    return base64.urlsafe_b64encode(str(start).encode()).decode().rstrip("=")
