"""`/v1/search`: near a text, a picture, a person, a post, or a mix of them."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer
from serving.api.documented import documented
from serving.api.reading import json_body
from serving.api.service import Pictures, Service
from serving.wire.answers import Hits
from serving.wire.search import SearchRequest

router = APIRouter(tags=["Search"])


@router.post(
    "/v1/search",
    summary="Search",
    **documented(Hits, examples.HITS, body=SearchRequest, body_example=examples.SEARCH_REQUEST),
)
async def search(
    body: Annotated[SearchRequest, Depends(json_body(SearchRequest))],
    backend: Service,
    check: Pictures,
) -> Response:
    """What is nearest to the query, best first."""
    await check(
        {
            f"body.query.{place}.image": part.image
            for place, part in enumerate(body.query)
            if part.image is not None
        }
    )
    return answer(await backend.search(body))
