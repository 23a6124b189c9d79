"""`/v1/users/…`: people, what suits them, and who is like them."""

from enum import Enum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer, tagged
from serving.api.documented import documented
from serving.api.parameters import CountQuery, PageQuery, RecommendationsQuery, UsersQuery
from serving.api.paths import PathUserId
from serving.api.reading import json_body
from serving.api.service import Service
from serving.security.keys import Scope
from serving.wire.answers import Posts, Recommendations, SimilarUsers, Users
from serving.wire.people import UserWrite, UserWritten
from serving.wire.writes import Receipt

router = APIRouter()
_PEOPLE: list[str | Enum] = ["People"]
_RECOMMENDATIONS: list[str | Enum] = ["Recommendations"]
_EACH_TIME = frozenset({"request_id"})


@router.get("/v1/users", summary="List people", tags=_PEOPLE, **documented(Users, examples.USERS))
async def users(query: Annotated[UsersQuery, Query()], backend: Service) -> Response:
    """People, those with most posts first."""
    return answer(await backend.users(query.prefix, query.limit, query.cursor))


@router.get(
    "/v1/users/{user_id:whole}/recommendations",
    summary="Recommend posts to a person",
    tags=_RECOMMENDATIONS,
    **documented(Recommendations, examples.RECOMMENDATIONS, tagged=True),
)
async def recommendations(
    user_id: PathUserId,
    query: Annotated[RecommendationsQuery, Query()],
    request: Request,
    backend: Service,
) -> Response:
    """Posts that suit the person, best first, each with the reasons why; never own or seen ones."""
    found = await backend.recommend(user_id, query.limit, query.cursor, query.filters())
    return tagged(request, found, _EACH_TIME)


@router.get(
    "/v1/users/{user_id:whole}/similar",
    summary="Find people like a person",
    tags=_PEOPLE,
    **documented(SimilarUsers, examples.SIMILAR_USERS, tagged=True),
)
async def similar(
    user_id: PathUserId, query: Annotated[PageQuery, Query()], request: Request, backend: Service
) -> Response:
    """People near the person, with what binds them."""
    return tagged(request, await backend.similar(user_id, query.limit, query.cursor))


@router.get(
    "/v1/users/{user_id:whole}/to-follow",
    summary="Find people to follow",
    tags=_PEOPLE,
    **documented(SimilarUsers, examples.SIMILAR_USERS, tagged=True),
)
async def to_follow(
    user_id: PathUserId, query: Annotated[PageQuery, Query()], request: Request, backend: Service
) -> Response:
    """People near the person who post in public and whom the person doesn't follow yet."""
    return tagged(request, await backend.to_follow(user_id, query.limit, query.cursor))


@router.get(
    "/v1/users/{user_id:whole}/posts",
    summary="List a person's posts",
    tags=_PEOPLE,
    **documented(Posts, examples.POSTS, tagged=True),
)
async def posts_of(
    user_id: PathUserId, query: Annotated[CountQuery, Query()], request: Request, backend: Service
) -> Response:
    """Their public posts, the latest first."""
    return tagged(request, Posts(items=await backend.posts_of(user_id, query.limit)))


@router.put(
    "/v1/users/{user_id:user}",
    summary="Write a person's profile",
    tags=_PEOPLE,
    **documented(
        UserWritten,
        examples.USER_WRITTEN,
        Scope.WRITE,
        body=UserWrite,
        body_example=examples.USER_WRITE,
        also=(410,),
    ),
)
async def put_user(
    user_id: PathUserId,
    body: Annotated[UserWrite, Depends(json_body(UserWrite))],
    backend: Service,
) -> Response:
    """Once answered, what they say about themselves is on disk."""
    return answer(await backend.put_user(user_id, body))


@router.delete(
    "/v1/users/{user_id:user}",
    summary="Delete a person",
    tags=_PEOPLE,
    **documented(Receipt, examples.USER_RECEIPT, Scope.ADMIN, also=(410,)),
)
async def delete_user(user_id: PathUserId, backend: Service) -> Response:
    """The person, their posts and reactions are gone for good, from the index too."""
    return answer(await backend.delete_user(user_id))
