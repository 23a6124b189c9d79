"""The API's questions, put to the deployments."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from ray.serve.exceptions import BackPressureError

from serving.backend import Picture
from serving.calls import Failed, call
from serving.coalescing import Coalescing
from serving.config import EncoderReplicaConfig, ServeConfig
from serving.deployments.encoder import Encoded
from serving.deployments.user import Fused, Someone
from serving.exposures import ExposureLog, Shown
from serving.library import Library
from serving.wire.answers import Hits, PostView, Recommendations, SimilarUsers, Users
from serving.wire.embeddings import Embeddings, UserContent
from serving.wire.operations import PartState, Readiness
from serving.wire.people import (
    BoundariesView,
    BoundaryChanged,
    BoundaryName,
    UserWrite,
    UserWritten,
)
from serving.wire.search import Filters, SearchRequest
from serving.wire.writes import (
    PostWrite,
    PostWritten,
    ReactionsWritten,
    ReactionWrite,
    Receipt,
    SessionRequest,
)
from training.errors import CommonspaceError, Unavailable

T = TypeVar("T")
_FRESH_S = 1.0
_PROBE_S = 5.0


@dataclass(frozen=True)
class Handles:
    """Of the deployments; each has a queue of its own."""

    text: Any
    image: Any
    user: Any
    recommender: Any
    writer: Any


class RemoteBackend:
    """`serving.backend.Backend` over handles.

    Args:
        handles: of the deployments.
        library: answers what no deployment is needed for.
        config: of the service.
        exposures: takes what was shown; None if nothing is logged.
    """

    def __init__(
        self,
        handles: Handles,
        library: Library,
        config: ServeConfig,
        exposures: ExposureLog | None = None,
    ) -> None:
        self._handles = handles
        self._library = library
        self._exposures = exposures
        self._timeout_s = config.request_timeout_s
        self._texts = _coalescing(handles.text, config.text)
        self._images = _coalescing(handles.image, config.image)
        self._version: tuple[str, int] | None = None
        self._asked = 0.0
        self._asking = asyncio.Lock()

    async def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        version, _ = await self._in_use()
        return _embeddings(version, await self._in_time(self._texts.embed(version, texts)))

    async def embed_images(self, images: Sequence[bytes]) -> Embeddings:
        version, _ = await self._in_use()
        return _embeddings(version, await self._in_time(self._images.embed(version, images)))

    async def embed_users(self, users: Sequence[UserContent]) -> Embeddings:
        version, _ = await self._in_use()
        posts = [post for user in users for post in user.posts]
        texts, images = await asyncio.gather(
            self._features(self._handles.text, version, [post.text for post in posts]),
            self._features(self._handles.image, version, [post.image for post in posts]),
        )
        people, at = [], 0
        for user in users:
            end = at + len(user.posts)
            history = Fused(images[at:end], texts[at:end])
            people.append(Someone(user.user_id, history, [post.weight for post in user.posts]))
            at = end
        vectors = await self._call(self._handles.user.people, version, people)
        return _embeddings(version, vectors)

    async def search(self, request: SearchRequest) -> Hits:
        return await self._call(self._handles.recommender.search, request)

    async def recommend(
        self, user_id: str, limit: int, cursor: str | None, filters: Filters
    ) -> Recommendations:
        ask = self._handles.recommender.recommend
        shown: Shown = await self._call(ask, user_id, limit, cursor, filters)
        if self._exposures is not None:
            self._exposures.add(shown.exposures)
        return shown.page

    async def similar(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        return await self._call(self._handles.recommender.similar, user_id, limit, cursor)

    async def to_follow(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        return await self._call(self._handles.recommender.to_follow, user_id, limit, cursor)

    async def related(self, post_id: str, limit: int, cursor: str | None) -> Hits:
        return await self._call(self._handles.recommender.related, post_id, limit, cursor)

    async def session(self, request: SessionRequest) -> Recommendations:
        return await self._call(self._handles.recommender.session, request)

    async def post(self, post_id: str) -> PostView:
        return await self._library.post(post_id)

    async def posts_of(self, user_id: str, limit: int) -> list[PostView]:
        return await self._library.posts_of(user_id, limit)

    async def picture(self, post_id: str) -> Picture:
        return await self._library.picture(post_id)

    async def users(self, prefix: str, limit: int, cursor: str | None) -> Users:
        return await self._library.users(prefix, limit, cursor)

    async def boundaries(self, user_id: str) -> BoundariesView:
        return await self._library.boundaries(user_id)

    async def community_map(self) -> bytes | None:
        return await self._call(self._handles.recommender.community_map)

    async def put_post(self, post_id: str, post: PostWrite) -> PostWritten:
        return await self._call(self._handles.writer.put_post, post_id, post)

    async def put_user(self, user_id: str, user: UserWrite) -> UserWritten:
        return await self._call(self._handles.writer.put_user, user_id, user)

    async def put_boundary(self, user_id: str, kind: BoundaryName, target: str) -> BoundaryChanged:
        return await self._call(self._handles.writer.put_boundary, user_id, kind, target)

    async def delete_boundary(
        self, user_id: str, kind: BoundaryName, target: str
    ) -> BoundaryChanged:
        return await self._call(self._handles.writer.delete_boundary, user_id, kind, target)

    async def react(self, reactions: Sequence[ReactionWrite]) -> ReactionsWritten:
        return await self._call(self._handles.writer.react, list(reactions))

    async def delete_post(self, post_id: str) -> Receipt:
        return await self._call(self._handles.writer.delete_post, post_id)

    async def delete_user(self, user_id: str) -> Receipt:
        return await self._call(self._handles.writer.delete_user, user_id)

    async def readiness(self) -> Readiness:
        version, build, parts = None, None, []
        try:
            version, build = await self._in_use()
        except CommonspaceError as error:
            parts.append(PartState(name="recommender", ready=False, detail=_reason(error)))
        else:
            parts.append(PartState(name="recommender", ready=True))
        probes = {
            "text encoder": lambda: self._handles.text.prepare.remote(version),
            "image encoder": lambda: self._handles.image.prepare.remote(version),
            "user encoder": lambda: self._handles.user.prepare.remote(version),
            "writer": lambda: self._handles.writer.state.remote(),
            "index": lambda: self._handles.recommender.index_state.remote(),
        }
        if version is None:  # nothing can be said about encoders, then
            probes = {name: probes[name] for name in ("writer", "index")}
        parts += await asyncio.gather(*(_probe(name, ask) for name, ask in probes.items()))
        return Readiness(
            ready=all(part.ready for part in parts),
            model_version=version,
            index_build=build,
            parts=parts,
        )

    async def _features(
        self, handle: Any, version: str, raw: Sequence[Any]
    ) -> list[np.ndarray | None]:
        """Encoder features of those that are there."""
        present = [one for one in raw if one is not None]
        if not present:
            return [None] * len(raw)
        encoded: Encoded = await self._call(handle.encode, version, present)
        rows = iter(encoded.features)
        return [None if one is None else next(rows) for one in raw]

    async def _in_use(self) -> tuple[str, int]:
        """Model version and index build, some seconds old at most.

        One request asks for all: a crowd that all asked would fill the recommender's queue.
        """
        version = self._version
        if version is not None and (self._asking.locked() or self._is_fresh()):
            return version
        async with self._asking:
            version = self._version
            if version is None or not self._is_fresh():
                version = await self._call(self._handles.recommender.version)
                self._version, self._asked = version, time.monotonic()
            return version

    def _is_fresh(self) -> bool:
        return time.monotonic() - self._asked < _FRESH_S

    async def _call(self, method: Any, *args: Any) -> Any:
        return await self._in_time(call(method, *args))

    async def _in_time(self, answer: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await answer
        except TimeoutError:
            raise Unavailable(
                f"no answer within {self._timeout_s:g} s", hint="try again in some seconds"
            ) from None


def _coalescing(handle: Any, config: EncoderReplicaConfig) -> Coalescing:
    return Coalescing(
        lambda version, raw: call(handle.embed, version, raw),
        batch=config.batch,
        wait_s=config.wait_ms / 1000,
        at_once=2 * (config.most or config.replicas),  # one at work, one that comes next
        waiting=config.waiting,
    )


async def _probe(name: str, ask: Callable[[], Any]) -> PartState:
    try:
        async with asyncio.timeout(_PROBE_S):
            answer = await ask()
    except BackPressureError:  # as busy as can be: it works
        return PartState(name=name, ready=True, detail="its queue is full")
    except Exception as error:  # whatever it is, the part is not ready
        return PartState(name=name, ready=False, detail=_reason(error))
    if isinstance(answer, Failed):
        return PartState(name=name, ready=False, detail=_reason(answer.error))
    return PartState(name=name, ready=True)


def _reason(error: Exception) -> str:
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, CommonspaceError):
        return cause.message[:200]
    return "no answer in time" if isinstance(cause, TimeoutError) else type(cause).__name__


def _embeddings(version: str, vectors: np.ndarray) -> Embeddings:
    # float32 has seven digits: more would only be longer
    rows = np.round(vectors.astype(np.float64), 7).tolist()
    return Embeddings(model_version=version, dimension=vectors.shape[1], embeddings=rows)
