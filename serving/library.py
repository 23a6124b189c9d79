"""What is read from the event database alone: posts, pictures, people; no vector is needed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from recsys.events.database import Events
from recsys.events.records import Post
from serving.backend import Picture
from serving.cursors import next_cursor, page_start
from serving.threads import in_thread
from serving.views import boundaries_view, post_view
from serving.wire.answers import PostView, Users, UserView
from serving.wire.people import BoundariesView
from training.errors import NotFound

T = TypeVar("T")
_THREADS = 4


class Library:
    """Reads of public things, in threads of its own.

    Args:
        events: the event database.
    """

    def __init__(self, events: Events) -> None:
        self._events = events
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="library")

    async def post(self, post_id: str) -> PostView:
        """A public post. Raises: NotFound."""
        return await self._in_thread(lambda: post_view(self._public(post_id)))

    async def posts_of(self, user_id: str, limit: int) -> list[PostView]:
        """The latest public posts of a person. Raises: NotFound with near ids."""

        def ask() -> list[PostView]:
            self._events.person(user_id)
            posts = self._events.public_posts_of([user_id], limit)[user_id]
            return [post_view(post) for post in posts]

        return await self._in_thread(ask)

    async def picture(self, post_id: str) -> Picture:
        """The picture of a public post. Raises: NotFound."""

        def ask() -> Picture:
            post = self._public(post_id)
            stored = self._events.pictures([post.image_hash]) if post.image_hash else {}
            if post.image_hash is None or post.image_hash not in stored:
                raise NotFound(f"post {post_id!r:.140} has no picture")
            found = stored[post.image_hash]
            return Picture(found.data, found.media_type, post.image_hash)

        return await self._in_thread(ask)

    async def boundaries(self, user_id: str) -> BoundariesView:
        """What a person keeps away. Raises: NotFound with near ids."""

        def ask() -> BoundariesView:
            self._events.person(user_id)
            return boundaries_view(self._events.boundaries.of(user_id))

        return await self._in_thread(ask)

    async def users(self, prefix: str, limit: int, cursor: str | None) -> Users:
        """People whose id begins so, those with most posts first. Raises: BadConfig."""
        question = f"users {prefix}"
        start = page_start(cursor, question)

        def ask() -> Users:
            found = self._events.users_page(prefix, start, limit + 1)
            return Users(
                items=[UserView(user_id=who, posts=posts) for who, posts in found[:limit]],
                next_cursor=next_cursor(start + limit, start + len(found), question),
            )

        return await self._in_thread(ask)

    def _public(self, post_id: str) -> Post:
        post = self._events.posts([post_id]).get(post_id)
        if post is None or post.private:
            raise NotFound(f"no post {post_id!r:.140}")
        return post

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await in_thread(self._threads, work)
