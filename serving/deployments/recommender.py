"""The recommender: every question that reads posts, people and vectors."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import numpy as np

from recsys.answers import Hit, SimilarUser
from recsys.answers import Recommendations as Answer
from recsys.events.database import Events
from recsys.filtering import PostFilter
from recsys.mixing import QueryVector
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View
from serving.calls import answering, call
from serving.cursors import next_cursor, page_start
from serving.deployments.encoder import Encoded
from serving.experimental import Experimental
from serving.exposures import Shown
from serving.maps import Maps
from serving.measures import ANSWERS
from serving.pair import Pair
from serving.settings import ServingSettings
from serving.threads import in_thread
from serving.views import hit_view, recommendation_view, similar_views
from serving.watch import watch
from serving.wire.answers import Hits, Recommendations, SimilarUsers
from serving.wire.search import Filters, QueryPart, SearchRequest
from serving.wire.writes import SessionRequest

T = TypeVar("T")
_THREADS = 4
_SHOWN = 4
"""Posts of a similar person that are shown with them: those that bind them, then the latest."""


class Recommending:
    """Answers questions with the pair of model and index that is in use.

    Args:
        settings: of the service.
        text: handle of the text encoder.
        image: handle of the image encoder.
        user: handle of the user encoder.
    """

    async def __init__(self, settings: ServingSettings, text: Any, image: Any, user: Any) -> None:
        self._text, self._image = text, image
        self._recorder = recorder = watch(settings, "recommender")
        self._store = VectorStore(settings.index, settings.workspace, recorder)
        self._events = Events(settings.events, settings.workspace, recorder)
        self._personal = Experimental(settings, self._store, self._events, recorder)
        self._recommender = self._personal.base
        self._maps = Maps(settings, self._events)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="recommend")
        prepare = [
            lambda version, handle=handle: call(handle.prepare, version)
            for handle in (text, image, user)
        ]
        self._pair = Pair(self._store, prepare, settings.serve.follow_s, recorder)
        await self._pair.start()

    @answering
    async def version(self) -> tuple[str, int]:
        """Model version and index build in use."""
        version = self._pair.view.version
        return version.model, version.build

    async def check_health(self) -> None:
        """Called by Serve: a free thread must come soon. Where Milvus is away, a new copy of this
        would be no better, so that is no reason to be replaced.
        """
        await asyncio.wrap_future(self._threads.submit(int))

    @answering
    async def recommend(
        self, user_id: str, limit: int, cursor: str | None, filters: Filters
    ) -> Shown:
        """Posts for a person, and what is to be logged of them once they are shown."""
        question = f"recommend {user_id} {filters.model_dump_json()}"
        start = page_start(cursor, question)

        def ask(view: View) -> Shown:
            k, where = _enough(start + limit), post_filter(filters)
            answer = self._personal.recommend(user_id, k, where, view)
            found = cast(Answer, answer.recommendations)
            page = self._recommendations(found, start, limit, question)
            self._tell("recommend", found.items, fallback=found.fallback)
            return Shown(page, self._personal.exposures(answer, page, start, limit))

        return await self._read(ask)

    @answering
    async def session(self, request: SessionRequest) -> Recommendations:
        """Posts for an anonymous session."""
        question = f"session {request.liked} {request.seen}"
        start = page_start(request.cursor, question)

        def ask(view: View) -> Recommendations:
            found = self._recommender.for_session(
                request.liked, request.seen, _enough(start + request.limit), view=view
            )
            self._tell("session", found.items, fallback=found.fallback)
            return self._recommendations(found, start, request.limit, question)

        return await self._read(ask)

    @answering
    async def similar(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        """People like a person."""
        question = f"similar {user_id}"
        start = page_start(cursor, question)

        def ask(view: View) -> SimilarUsers:
            found = self._recommender.similar(user_id, start + limit + 1, view=view)
            self._tell("similar", found)
            return self._people(found, start, limit, question, view)

        return await self._read(ask)

    @answering
    async def to_follow(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers:
        """People like a person whom the person doesn't follow yet."""
        question = f"to-follow {user_id}"
        start = page_start(cursor, question)

        def ask(view: View) -> SimilarUsers:
            found = self._recommender.to_follow(user_id, start + limit + 1, view=view)
            self._tell("to_follow", found)
            return self._people(found, start, limit, question, view)

        return await self._read(ask)

    @answering
    async def related(self, post_id: str, limit: int, cursor: str | None) -> Hits:
        """Posts like a post."""
        question = f"related {post_id}"
        start = page_start(cursor, question)

        def ask(view: View) -> Hits:
            found = self._recommender.related(post_id, start + limit + 1, view=view)
            self._tell("related", found)
            return self._hits(found, Target.POSTS, start, limit, question, view)

        return await self._read(ask)

    @answering
    async def search(self, request: SearchRequest) -> Hits:
        """What is near a mix of texts, pictures, people and posts."""
        question = request.model_dump_json(exclude={"cursor", "limit"})
        start = page_start(request.cursor, question)
        target = Target(request.target)

        async def ask(view: View) -> Hits:
            parts = await self._parts(request.query, view)

            def find() -> Hits:
                found = self._recommender.nearest(
                    parts,
                    target,
                    start + request.limit + 1,
                    where=post_filter(request.filters),
                    exclude=_themselves(request.query, target),
                    view=view,
                )
                self._tell("search", found)
                return self._hits(found, target, start, request.limit, question, view)

            return await self._in_thread(find)

        return await self._pair.read(ask)

    @answering
    async def index_state(self) -> None:
        """Answers if the index does. Raises: Unavailable."""
        await self._in_thread(self._store.live)

    @answering
    async def community_map(self) -> bytes | None:
        """The map of the model in use, without what was deleted since; None if none was made."""
        return await self._in_thread(lambda: self._maps(self._pair.view.version.model))

    async def _parts(self, query: Sequence[QueryPart], view: View) -> list[QueryVector]:
        """Each part of a mix at its place, texts and pictures embedded by the view's own model."""
        model = view.version.model
        texts = [part.text for part in query if part.text is not None]
        images = [part.image for part in query if part.image is not None]
        encoded: dict[Target, list[np.ndarray]] = {}
        for target, raw, handle in (
            (Target.TEXTS, texts, self._text),
            (Target.IMAGES, images, self._image),
        ):
            if raw:
                answer: Encoded = await call(handle.encode, model, raw)
                encoded[target] = list(answer.vectors)

        def place(part: QueryPart) -> QueryVector:
            if part.text is not None:
                return QueryVector(Target.TEXTS, encoded[Target.TEXTS].pop(0), part.weight)
            if part.image is not None:
                return QueryVector(Target.IMAGES, encoded[Target.IMAGES].pop(0), part.weight)
            if part.user_id is not None:
                found = self._recommender.place(part.user_id, view)
            else:
                assert part.post_id is not None  # exactly one of the four
                found = self._recommender.place_of_post(part.post_id, view)
            return QueryVector(found.asker, found.vector, part.weight)

        return await self._in_thread(lambda: [place(part) for part in query])

    def _recommendations(
        self, found: Answer, start: int, limit: int, question: str
    ) -> Recommendations:
        page = found[start : start + limit]
        posts = self._events.posts([one.post_id for one in page])
        return Recommendations(
            model_version=found.model_version,
            fallback=found.fallback,
            request_id=uuid.uuid4().hex,
            items=[
                recommendation_view(one, posts[one.post_id]) for one in page if one.post_id in posts
            ],
            next_cursor=next_cursor(start + limit, len(found), question),
        )

    def _people(
        self, found: list[SimilarUser], start: int, limit: int, question: str, view: View
    ) -> SimilarUsers:
        page = found[start : start + limit]
        return SimilarUsers(
            model_version=view.version.model,
            items=similar_views(page, self._events, _SHOWN),
            next_cursor=next_cursor(start + limit, len(found), question),
        )

    def _hits(
        self, found: list[Hit], target: Target, start: int, limit: int, question: str, view: View
    ) -> Hits:
        page = found[start : start + limit]
        posts = {} if target is Target.USERS else self._events.posts([one.id for one in page])
        return Hits(
            model_version=view.version.model,
            items=[hit_view(one, posts) for one in page],
            next_cursor=next_cursor(start + limit, len(found), question),
        )

    def _tell(self, question: str, found: Sequence[object], *, fallback: bool = False) -> None:
        outcome = "empty" if not found else "fallback" if fallback else "full"
        self._recorder.add(ANSWERS, question=question, outcome=outcome)

    async def _read(self, ask: Callable[[View], T]) -> T:
        return await self._pair.read(lambda view: self._in_thread(lambda: ask(view)))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await in_thread(self._threads, work)


def post_filter(filters: Filters) -> PostFilter | None:
    """The recommender's form of a request's conditions; None where there are none."""
    if filters == Filters():
        return None
    return PostFilter(
        authors=tuple(filters.authors),
        not_authors=tuple(filters.not_authors),
        languages=tuple(filters.languages),
        created_after=filters.created_after,
        created_before=filters.created_before,
        tags=tuple(filters.tags),
        not_tags=tuple(filters.not_tags),
        categories=tuple(filters.categories),
    )


def _enough(wanted: int) -> int:
    """One more than wanted, by fifties: pages of one list must come from one list."""
    return min(1000, -(-(wanted + 1) // 50) * 50)


def _themselves(query: Sequence[QueryPart], target: Target) -> frozenset[str]:
    if target is Target.USERS:
        return frozenset(part.user_id for part in query if part.user_id is not None)
    return frozenset(part.post_id for part in query if part.post_id is not None)
