"""What the API and the page ask for; on Ray Serve the deployments answer (`serving.graph`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from serving.wire.answers import Hits, PostView, Recommendations, SimilarUsers, Users
from serving.wire.embeddings import Embeddings, UserContent
from serving.wire.operations import Readiness
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


@dataclass(frozen=True)
class Picture:
    """An encoded picture.

    Attributes:
        data: as it is sent.
        media_type: for example `image/webp`.
        digest: of its content: the ETag.
    """

    data: bytes
    media_type: str
    digest: str


class Backend(Protocol):
    """All questions and changes. Every method raises `CommonspaceError`s, and nothing else."""

    async def embed_texts(self, texts: Sequence[str]) -> Embeddings: ...

    async def embed_images(self, images: Sequence[bytes]) -> Embeddings: ...

    async def embed_users(self, users: Sequence[UserContent]) -> Embeddings: ...

    async def search(self, request: SearchRequest) -> Hits: ...

    async def recommend(
        self, user_id: str, limit: int, cursor: str | None, filters: Filters
    ) -> Recommendations: ...

    async def similar(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers: ...

    async def to_follow(self, user_id: str, limit: int, cursor: str | None) -> SimilarUsers: ...

    async def related(self, post_id: str, limit: int, cursor: str | None) -> Hits: ...

    async def session(self, request: SessionRequest) -> Recommendations: ...

    async def post(self, post_id: str) -> PostView: ...

    async def posts_of(self, user_id: str, limit: int) -> list[PostView]: ...

    async def picture(self, post_id: str) -> Picture: ...

    async def users(self, prefix: str, limit: int, cursor: str | None) -> Users: ...

    async def boundaries(self, user_id: str) -> BoundariesView: ...

    async def community_map(self) -> bytes | None: ...

    async def put_post(self, post_id: str, post: PostWrite) -> PostWritten: ...

    async def put_user(self, user_id: str, user: UserWrite) -> UserWritten: ...

    async def put_boundary(
        self, user_id: str, kind: BoundaryName, target: str
    ) -> BoundaryChanged: ...

    async def delete_boundary(
        self, user_id: str, kind: BoundaryName, target: str
    ) -> BoundaryChanged: ...

    async def react(self, reactions: Sequence[ReactionWrite]) -> ReactionsWritten: ...

    async def delete_post(self, post_id: str) -> Receipt: ...

    async def delete_user(self, user_id: str) -> Receipt: ...

    async def readiness(self) -> Readiness: ...
