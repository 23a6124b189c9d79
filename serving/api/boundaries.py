"""`/v1/users/…/boundaries`: what people mute, block and hide."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Path
from pydantic import AfterValidator, WithJsonSchema
from starlette.requests import Request
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer, tagged
from serving.api.documented import documented
from serving.api.paths import PathTag, PathTarget, PathUserId
from serving.api.service import Service
from serving.security.keys import Scope
from serving.wire.people import BoundariesView, BoundaryChanged, BoundaryName

router = APIRouter(tags=["Boundaries"])
_BY_ID = ("muted_author", "blocked", "hidden")


def _known(kind: str) -> str:
    if kind not in _BY_ID:
        raise ValueError("must be muted_author, muted_tag, blocked or hidden")
    return kind


_Kind = Annotated[
    str,
    AfterValidator(_known),
    WithJsonSchema({"type": "string", "enum": list(_BY_ID)}),
    Path(description="`muted_author` and `blocked` name a person, `hidden` a post."),
]


def _changes(example: Any) -> dict[str, Any]:
    return documented(BoundaryChanged, example, Scope.WRITE, also=(410,))


@router.get(
    "/v1/users/{user_id:whole}/boundaries",
    summary="List a person's boundaries",
    **documented(BoundariesView, examples.BOUNDARIES, tagged=True),
)
async def boundaries(user_id: PathUserId, request: Request, backend: Service) -> Response:
    """Whom and what they muted, blocked and hid; who blocked them isn't told."""
    return tagged(request, await backend.boundaries(user_id))


@router.put(
    "/v1/users/{user_id:whole}/boundaries/muted_tag/{tag:whole}",
    summary="Mute a tag",
    **_changes(examples.MUTED_TAG),
)
async def mute_tag(user_id: PathUserId, tag: PathTag, backend: Service) -> Response:
    """No post with the tag is recommended to the person any more."""
    return answer(await backend.put_boundary(user_id, "muted_tag", tag))


@router.delete(
    "/v1/users/{user_id:whole}/boundaries/muted_tag/{tag:whole}",
    summary="Unmute a tag",
    **_changes(examples.MUTED_TAG),
)
async def unmute_tag(user_id: PathUserId, tag: PathTag, backend: Service) -> Response:
    """Posts with the tag may be recommended again."""
    return answer(await backend.delete_boundary(user_id, "muted_tag", tag))


@router.put(
    "/v1/users/{user_id:whole}/boundaries/{kind}/{target:whole}",
    summary="Set a boundary",
    **_changes(examples.BOUNDARY_CHANGED),
)
async def put_boundary(
    user_id: PathUserId, kind: _Kind, target: PathTarget, backend: Service
) -> Response:
    """The next answer keeps to it. The person or post need not be here yet."""
    return answer(await backend.put_boundary(user_id, cast(BoundaryName, kind), target))


@router.delete(
    "/v1/users/{user_id:whole}/boundaries/{kind}/{target:whole}",
    summary="Take a boundary back",
    **_changes(examples.BOUNDARY_CHANGED),
)
async def delete_boundary(
    user_id: PathUserId, kind: _Kind, target: PathTarget, backend: Service
) -> Response:
    """What was muted, blocked or hidden may be shown again."""
    return answer(await backend.delete_boundary(user_id, cast(BoundaryName, kind), target))
