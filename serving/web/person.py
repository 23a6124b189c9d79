"""A person's page: what is recommended to them and why, their posts, and people like them."""

from asyncio import gather
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.web.kept_away import kept_away
from serving.web.paths import person_id
from serving.web.said import said
from serving.web.site import Site, is_part
from serving.wire.answers import Recommendations, SimilarUsers, SimilarUserView
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
            feed = await _recommended(site, user_id, cursor)
            return site.render(request, "feed_more.html", user_id=user_id, feed=feed)
        parts, own = await gather(
            _parts(site, user_id, cursor), site.backend.posts_of(user_id, _OWN)
        )
        answer = site.render(
            request,
            "person.html",
            user_id=user_id,
            chosen=user_id,
            own=own,
            said=said(request.query_params.get("done", ""), request.query_params.get("title", "")),
            **parts,
        )
        return site.choose(answer, user_id)


async def changed_page(site: Site, request: Request, *, user_id: str, **context: Any) -> Response:
    """All of a person's page that a click may change, and what it did."""
    parts = await _parts(site, user_id)
    return site.render(request, "feed_changed.html", user_id=user_id, **parts, **context)


async def _parts(site: Site, user_id: str, cursor: str | None = None) -> dict[str, Any]:
    feed, similar, follow, kept = await gather(
        _recommended(site, user_id, cursor),
        _people(site.backend.similar(user_id, _SIMILAR, None)),
        _people(site.backend.to_follow(user_id, _SIMILAR, None)),
        kept_away(site.backend, user_id),
    )
    return {"feed": feed, "similar": similar, "follow": follow, "kept": kept}


async def _recommended(site: Site, user_id: str, cursor: str | None = None) -> Recommendations:
    return await site.backend.recommend(user_id, SHOWN, cursor, Filters())


async def _people(asked: Any) -> list[SimilarUserView]:
    """People like a person; none for someone who has no place among the others yet."""
    try:
        found: SimilarUsers = await asked
    except NotFound:
        return []
    return found.items
