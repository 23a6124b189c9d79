"""`/v1/reactions`: who did what with which post."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer
from serving.api.documented import documented
from serving.api.reading import json_body
from serving.api.service import Service
from serving.security.keys import Scope
from serving.wire.writes import ReactionsRequest, ReactionsWritten

router = APIRouter(tags=["Reactions"])


@router.post(
    "/v1/reactions",
    summary="Record reactions",
    **documented(
        ReactionsWritten,
        examples.REACTIONS_WRITTEN,
        Scope.WRITE,
        body=ReactionsRequest,
        body_example=examples.REACTIONS_REQUEST,
    ),
)
async def react(
    body: Annotated[ReactionsRequest, Depends(json_body(ReactionsRequest))], backend: Service
) -> Response:
    """Once answered, they are on disk and count. Sent again with the same key, they count once."""
    return answer(await backend.react(body.reactions))
