"""A client for Python: the API's words as methods, models as answers, problems as errors."""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import requests
from pydantic import BaseModel, ValidationError

from serving.api.problem_errors import error_of
from serving.backend import Picture
from serving.security.refusals import BadFields
from serving.wire.answers import Hits, Posts, PostView, Recommendations, SimilarUsers, Users
from serving.wire.embeddings import Embeddings, UserContent, UsersRequest
from serving.wire.operations import Readiness
from serving.wire.people import (
    BoundariesView,
    BoundaryChanged,
    BoundaryName,
    UserWrite,
    UserWritten,
)
from serving.wire.search import Filters, QueryPart, SearchRequest, Target
from serving.wire.writes import (
    PostWrite,
    PostWritten,
    ReactionsWritten,
    ReactionWrite,
    Receipt,
    SessionRequest,
)
from training.errors import Unavailable

M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", Hits, Recommendations, SimilarUsers, Users)
_RETRIED = frozenset({429, 503})


class Client:
    """A connection to a Commonspace server; use it as a context manager, one per thread.

    Every method raises the `CommonspaceError` that the server's problem stands for: NotFound,
    Refused, Forbidden, Conflict, BadData and so on, with the server's message and hint.

    Args:
        base_url: such as `http://127.0.0.1:8000`.
        key: an API key; none in development mode.
        timeout_s: for one request.
        patience_s: how long to try again, all in all, while the server is busy (503) or says that
            these are too many requests (429).
        sleep: waits for seconds.

    Example:
        >>> with Client("http://127.0.0.1:8000") as client:
        ...     for item in client.recommendations("alice", limit=5).items:
        ...         print(item.post.title, [reason.text for reason in item.reasons])
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30,
        patience_s: float = 30,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._base = base_url.rstrip("/")
        self._timeout_s, self._patience_s, self._sleep = timeout_s, patience_s, sleep
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc may put its password in the key's place
        if key is not None:
            self._session.headers["Authorization"] = f"Bearer {key}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Embeddings and search

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text."""
        return self._send(Embeddings, "POST", "/v1/embeddings/texts", json={"texts": list(texts)})

    def embed_images(self, images: Sequence[bytes]) -> Embeddings:
        """One unit vector per encoded picture."""
        files = [("images", (f"{place}", image)) for place, image in enumerate(images)]
        return self._send(Embeddings, "POST", "/v1/embeddings/images", files=files)

    def embed_users(self, users: Sequence[UserContent]) -> Embeddings:
        """One unit vector per person."""
        return self._post(
            Embeddings, "/v1/embeddings/users", _made(UsersRequest, users=list(users))
        )

    def search(
        self,
        *query: QueryPart,
        target: Target = "posts",
        filters: Filters | None = None,
        limit: int = 20,
        cursor: str | None = None,
    ) -> Hits:
        """What is near a text, a picture, a person, a post, or a mix of them."""
        request = _made(
            SearchRequest,
            query=list(query),
            target=target,
            filters=filters or Filters(),
            limit=limit,
            cursor=cursor,
        )
        return self._post(Hits, "/v1/search", request)

    # People

    def users(self, prefix: str = "", limit: int = 20, cursor: str | None = None) -> Users:
        """People, those with most posts first."""
        return self._get(Users, "/v1/users", prefix=prefix, limit=limit, cursor=cursor)

    def recommendations(
        self,
        user_id: str,
        limit: int = 20,
        cursor: str | None = None,
        filters: Filters | None = None,
    ) -> Recommendations:
        """Posts for a person; of the filters, `not_authors` isn't offered here."""
        chosen = filters or Filters()
        return self._get(
            Recommendations,
            f"/v1/users/{_id(user_id)}/recommendations",
            limit=limit,
            cursor=cursor,
            author=chosen.authors,
            language=chosen.languages,
            created_after=chosen.created_after and chosen.created_after.isoformat(),
            created_before=chosen.created_before and chosen.created_before.isoformat(),
            tag=chosen.tags,
            not_tag=chosen.not_tags,
            category=chosen.categories,
        )

    def similar(self, user_id: str, limit: int = 20, cursor: str | None = None) -> SimilarUsers:
        """People like a person."""
        path = f"/v1/users/{_id(user_id)}/similar"
        return self._get(SimilarUsers, path, limit=limit, cursor=cursor)

    def to_follow(self, user_id: str, limit: int = 20, cursor: str | None = None) -> SimilarUsers:
        """People like a person whom the person doesn't follow yet."""
        path = f"/v1/users/{_id(user_id)}/to-follow"
        return self._get(SimilarUsers, path, limit=limit, cursor=cursor)

    def boundaries(self, user_id: str) -> BoundariesView:
        """What a person muted, blocked and hid."""
        return self._get(BoundariesView, f"/v1/users/{_id(user_id)}/boundaries")

    def posts_of(self, user_id: str, limit: int = 20) -> list[PostView]:
        """A person's public posts, the latest first."""
        return self._get(Posts, f"/v1/users/{_id(user_id)}/posts", limit=limit).items

    def session(
        self,
        liked: Sequence[str],
        seen: Sequence[str] = (),
        limit: int = 20,
        cursor: str | None = None,
    ) -> Recommendations:
        """Posts for someone without an account who liked these."""
        request = _made(
            SessionRequest, liked=list(liked), seen=list(seen), limit=limit, cursor=cursor
        )
        return self._post(Recommendations, "/v1/sessions/recommendations", request)

    # Posts

    def post(self, post_id: str) -> PostView:
        """A public post."""
        return self._get(PostView, f"/v1/posts/{_id(post_id)}")

    def related(self, post_id: str, limit: int = 20, cursor: str | None = None) -> Hits:
        """Posts near a post."""
        return self._get(Hits, f"/v1/posts/{_id(post_id)}/related", limit=limit, cursor=cursor)

    def picture(self, post_id: str) -> Picture:
        """A post's picture as it was sent."""
        answer = self._answer("GET", f"/v1/posts/{_id(post_id)}/image")
        digest = answer.headers.get("ETag", "").strip('"')
        return Picture(answer.content, answer.headers.get("Content-Type", ""), digest)

    # Changes

    def put_post(self, post_id: str, post: PostWrite) -> PostWritten:
        """Write or replace a post."""
        return self._send(PostWritten, "PUT", f"/v1/posts/{_id(post_id)}", json=_json(post))

    def put_user(self, user_id: str, profile: str) -> UserWritten:
        """Write what a person says about themselves."""
        body = _json(_made(UserWrite, profile=profile))
        return self._send(UserWritten, "PUT", f"/v1/users/{_id(user_id)}", json=body)

    def put_boundary(self, user_id: str, kind: BoundaryName, target: str) -> BoundaryChanged:
        """Keep an author, a tag, a person or a post away from a person."""
        return self._send(BoundaryChanged, "PUT", _boundary(user_id, kind, target))

    def delete_boundary(self, user_id: str, kind: BoundaryName, target: str) -> BoundaryChanged:
        """Take that back."""
        return self._send(BoundaryChanged, "DELETE", _boundary(user_id, kind, target))

    def react(self, *reactions: ReactionWrite) -> ReactionsWritten:
        """Record reactions; each gets a key if it has none, so that trying again counts once."""
        keyed = [
            one if one.key else one.model_copy(update={"key": uuid.uuid4().hex})
            for one in reactions
        ]
        body = {"reactions": [_json(one) for one in keyed]}
        return self._send(ReactionsWritten, "POST", "/v1/reactions", json=body)

    def delete_post(self, post_id: str) -> Receipt:
        """Delete a post for good."""
        return self._send(Receipt, "DELETE", f"/v1/posts/{_id(post_id)}")

    def delete_user(self, user_id: str) -> Receipt:
        """Delete a person, their posts and reactions for good; needs the scope `admin`."""
        return self._send(Receipt, "DELETE", f"/v1/users/{_id(user_id)}")

    # Operations

    def readiness(self) -> Readiness:
        """The state of each part; not an error if some aren't ready."""
        answer = self._once("GET", "/readyz")
        if answer.status_code not in (200, 503):
            raise error_of(answer)
        return _read(Readiness, answer)

    def pages(self, ask: Callable[[str | None], P]) -> Iterator[P]:
        """All pages of something, one request each.

        Example:
            >>> for page in client.pages(lambda cursor: client.users(cursor=cursor)):
            ...     print([user.user_id for user in page.items])
        """
        page = ask(None)
        yield page
        while page.next_cursor is not None:
            page = ask(page.next_cursor)
            yield page

    def _get(self, model: type[M], path: str, **params: Any) -> M:
        return self._send(model, "GET", path, params=params)

    def _post(self, model: type[M], path: str, body: BaseModel) -> M:
        return self._send(model, "POST", path, json=_json(body))

    def _send(self, model: type[M], method: str, path: str, **arguments: Any) -> M:
        return _read(model, self._answer(method, path, **arguments))

    def _answer(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """An answer that is no problem; busy servers are asked again."""
        waited = 0.0
        while True:
            answer = self._once(method, path, **arguments)
            if answer.ok:
                return answer
            wait = _wait(answer)
            if answer.status_code not in _RETRIED or waited + wait > self._patience_s:
                raise error_of(answer)
            self._sleep(wait)
            waited += wait

    def _once(self, method: str, path: str, **arguments: Any) -> requests.Response:
        try:
            return self._session.request(
                method,
                self._base + path,
                timeout=self._timeout_s,
                allow_redirects=False,  # a key goes to the server that was named alone
                **arguments,
            )
        except requests.RequestException as error:
            raise Unavailable(
                f"{self._base} does not answer: {type(error).__name__}",
                hint="is `commonspace serve` running there?",
            ) from None


def _id(identity: str) -> str:
    return quote(identity, safe="")


def _boundary(user_id: str, kind: BoundaryName, target: str) -> str:
    return f"/v1/users/{_id(user_id)}/boundaries/{_id(kind)}/{_id(target)}"


def _json(body: BaseModel) -> Any:
    return body.model_dump(mode="json", exclude_unset=True)


def _made(model: type[M], **fields: Any) -> M:
    """Raises: BadFields, as the server would answer."""
    try:
        return model(**fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise BadFields(
            {".".join(("body", *map(str, one["loc"]))): str(one["msg"]) for one in found}
        ) from None


def _wait(answer: requests.Response) -> float:
    """What the server asks for, and a little more at random, so that clients don't come at once."""
    asked = answer.headers.get("Retry-After", "")
    return (int(asked) if asked.isascii() and asked.isdigit() else 1) + random.uniform(0, 0.25)


def _read(model: type[M], answer: requests.Response) -> M:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        raise Unavailable(
            f"the answer is no {model.__name__}: {error.error_count()} fields are wrong",
            hint="are client and server of the same version?",
        ) from None
