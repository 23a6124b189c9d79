"""`/v1/sessions/recommendations`: for someone without an account."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer
from serving.api.documented import documented
from serving.api.reading import json_body
from serving.api.service import Service
from serving.wire.answers import Recommendations
from serving.wire.writes import SessionRequest

router = APIRouter(tags=["Recommendations"])


@router.post(
    "/v1/sessions/recommendations",
    summary="Recommend posts to a session",
    **documented(
        Recommendations,
        examples.RECOMMENDATIONS,
        body=SessionRequest,
        body_example=examples.SESSION_REQUEST,
    ),
)
async def session(
    body: Annotated[SessionRequest, Depends(json_body(SessionRequest))], backend: Service
) -> Response:
    """Posts for someone of whom a few liked posts are all that is known; nothing is kept."""
    return answer(await backend.session(body))
