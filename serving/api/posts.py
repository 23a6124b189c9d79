"""`/v1/posts/…`: posts, their pictures, and what is related."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer, has, tagged
from serving.api.documented import REQUEST_ID, documented
from serving.api.parameters import PageQuery
from serving.api.paths import NewPostId, PathPostId
from serving.api.reading import JSON, json_body
from serving.api.service import Pictures, Service
from serving.security.keys import Scope
from serving.wire.answers import Hits, PostView
from serving.wire.writes import PostWrite, PostWritten, Receipt

router = APIRouter(tags=["Posts"])
_PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
_PICTURE_HEADERS = {
    "cache-control": "private, max-age=300",
    "content-disposition": "inline",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
_PICTURE = documented(PostView, None, tagged=True)
_PICTURE["responses"][200] = {
    "description": "The picture.",
    "headers": REQUEST_ID,
    "content": {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in _PICTURE_TYPES
    },
}
_PICTURE |= {"response_model": None, "response_class": Response}
_WRITE = documented(
    PostWritten,
    examples.POST_WRITTEN | {"created": False},
    Scope.WRITE,
    body=PostWrite,
    body_example=examples.POST_WRITE,
    also=(410,),
)
_WRITE["responses"][201] = {
    "model": PostWritten,
    "description": "It is new.",
    "headers": REQUEST_ID,
    "content": {JSON: {"example": examples.POST_WRITTEN}},
}


@router.get(
    "/v1/posts/{post_id:whole}/related",
    summary="Find posts related to a post",
    **documented(Hits, examples.HITS, tagged=True),
)
async def related(
    post_id: PathPostId, query: Annotated[PageQuery, Query()], request: Request, backend: Service
) -> Response:
    """Posts near the post, best first."""
    return tagged(request, await backend.related(post_id, query.limit, query.cursor))


@router.get("/v1/posts/{post_id:whole}/image", summary="Get a post's picture", **_PICTURE)
async def picture(post_id: PathPostId, request: Request, backend: Service) -> Response:
    """The picture as it was sent."""
    found = await backend.picture(post_id)
    headers = _PICTURE_HEADERS | {"etag": f'"{found.digest}"'}
    if has(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    # a type that runs nothing, whatever the backend says
    kind = found.media_type if found.media_type in _PICTURE_TYPES else "application/octet-stream"
    return Response(found.data, headers=headers, media_type=kind)


@router.get(
    "/v1/posts/{post_id:post}",
    summary="Get a post",
    **documented(PostView, examples.POST, tagged=True),
)
async def post(post_id: PathPostId, request: Request, backend: Service) -> Response:
    """A public post."""
    return tagged(request, await backend.post(post_id))


@router.put("/v1/posts/{post_id:post}", summary="Write or replace a post", **_WRITE)
async def put_post(
    post_id: NewPostId,
    body: Annotated[PostWrite, Depends(json_body(PostWrite))],
    backend: Service,
    check: Pictures,
) -> Response:
    """Once answered, the post is on disk and can be found."""
    await check({"body.image": body.image} if body.image is not None else {})
    written = await backend.put_post(post_id, body)
    return answer(written, 201 if written.created else 200)


@router.delete(
    "/v1/posts/{post_id:post}",
    summary="Delete a post",
    **documented(Receipt, examples.POST_RECEIPT, Scope.WRITE, also=(410,)),
)
async def delete_post(post_id: PathPostId, backend: Service) -> Response:
    """The post and the reactions to it are gone for good, from the index too."""
    return answer(await backend.delete_post(post_id))
