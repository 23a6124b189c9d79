"""The map of communities: to look at, to walk, and to read as a list."""

import json
from asyncio import gather
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.web.galleries import portrait
from serving.web.site import Site, is_part
from training.errors import NotFound

_PEOPLE = 6


def add(router: APIRouter, site: Site) -> None:
    """Add `/map` and `/map/data`."""

    @site.page(router, "/map")
    async def page(request: Request) -> Response:
        found = await site.backend.community_map()
        groups = _communities(found) if found else []
        panel = await _panel(site, request, groups)
        if is_part(request):
            return site.render(request, "map_panel.html", **panel)
        return site.render(request, "map.html", there=found is not None, groups=groups, **panel)

    @site.page(router, "/map/data")
    async def data(request: Request) -> Response:
        found = await site.backend.community_map()
        if found is None:
            raise NotFound("there is no map yet", hint="commonspace communities makes it")
        etag = f'"{blake2b(found, digest_size=16).hexdigest()}"'
        headers = {"etag": etag, "cache-control": "private, no-cache"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(found, headers=headers, media_type="application/json")


@lru_cache(maxsize=2)
def _communities(found: bytes) -> list[dict[str, Any]]:
    return json.loads(found)["communities"]


async def _panel(site: Site, request: Request, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """What the panel shows: the thing that was pointed at, or how to point."""
    kind, name = request.query_params.get("kind", ""), request.query_params.get("id", "")
    match kind:
        case "post":
            return {"kind": kind, "post": await site.backend.post(name)}
        case "person":
            return {"kind": kind, "person": await portrait(site.backend, name)}
        case "community":
            group = next((each for each in groups if str(each["id"]) == name), None)
            if group is None:
                raise NotFound("this community is gone", hint="the map was made anew")
            people = group["people"][:_PEOPLE]
            portraits = await gather(*(portrait(site.backend, each) for each in people))
            return {"kind": kind, "group": group, "people": portraits}
        case _:
            return {"kind": ""}
