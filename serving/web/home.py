"""The first page: choose a person."""

import re
from asyncio import gather

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.web.galleries import Portrait, portrait
from serving.web.site import Site, is_part
from serving.wire.answers import Users

_PEOPLE = 12
_SUGGESTED = 10
_PREFIX = re.compile(r"[A-Za-z0-9_.:@/-]{0,128}")


def add(router: APIRouter, site: Site) -> None:
    """Add `/` and `/suggestions`."""

    @site.page(router, "/")
    async def home(request: Request) -> Response:
        typed = request.query_params.get("q", "").strip()
        cursor = request.query_params.get("cursor")
        users = await _beginning_with(site, typed, _PEOPLE, cursor)
        people = await _portraits(site, users)
        template = "home.html"
        if is_part(request):
            template = "people_more.html" if cursor else "people.html"
        return site.render(
            request, template, people=people, typed=typed, next_cursor=users.next_cursor
        )

    @site.page(router, "/suggestions")
    async def suggestions(request: Request) -> Response:
        typed = request.query_params.get("person", "").strip()
        users = await _beginning_with(site, typed, _SUGGESTED, None)
        return site.render(request, "suggestions.html", users=users.items)


async def _beginning_with(site: Site, typed: str, limit: int, cursor: str | None) -> Users:
    """People whose ids begin as typed: as it is, else as ids are usually written."""
    written = re.sub(r"\s+", "-", typed)
    for prefix in dict.fromkeys((written, written.lower())):
        if not _PREFIX.fullmatch(prefix):
            continue
        users = await site.backend.users(prefix, limit, cursor)
        if users.items:
            return users
    return Users(items=[])


async def _portraits(site: Site, users: Users) -> list[Portrait]:
    found = await gather(*(portrait(site.backend, user.user_id) for user in users.items))
    return [
        Portrait(each.user_id, each.posts, user.posts)
        for each, user in zip(found, users.items, strict=True)
    ]
