"""A person's page: what is recommended to them and why, their posts, and people like them."""

from asyncio import gather

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.web.paths import person_id
from serving.web.site import Site, is_part
from serving.wire.answers import Recommendations, SimilarUserView
from serving.wire.search import Filters
from training.errors import NotFound

SHOWN = 12
_OWN = 24
_SIMILAR = 6


def add(router: APIRouter, site: Site) -> None:
    """Add `/people/…`."""

    @site.page(router, "/people/{user_id:path}")
    async def page(request: Request) -> Response:
        user_id = person_id(request)
        cursor = request.query_params.get("cursor")
        if is_part(request) and cursor:
            feed = await recommended(site, user_id, cursor)
            return site.render(request, "feed_more.html", user_id=user_id, feed=feed)
        feed, own, similar = await gather(
            recommended(site, user_id, cursor),
            site.backend.posts_of(user_id, _OWN),
            similar_people(site, user_id),
        )
        answer = site.render(
            request,
            "person.html",
            user_id=user_id,
            chosen=user_id,
            feed=feed,
            own=own,
            similar=similar,
            said=said(request.query_params.get("done", ""), request.query_params.get("title", "")),
        )
        return site.choose(answer, user_id)


async def recommended(site: Site, user_id: str, cursor: str | None = None) -> Recommendations:
    """A page of recommendations."""
    return await site.backend.recommend(user_id, SHOWN, cursor, Filters())


def said(kind: str, title: str) -> str:
    """What a reaction did, in words; nothing without one."""
    post = f"“{title}”" if title else "that post"
    match kind:
        case "like":
            return f"You like {post}. Your list is new."
        case "hide":
            return f"{post[:1].upper()}{post[1:]} won’t come back. Your list is new."
        case _:
            return ""


async def similar_people(site: Site, user_id: str) -> list[SimilarUserView]:
    """People like a person; none for someone who has no place among the others yet."""
    try:
        return (await site.backend.similar(user_id, _SIMILAR, None)).items
    except NotFound:
        return []
