"""A post's page: large, with what is like it."""

from asyncio import gather

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.web.paths import post_id
from serving.web.said import said
from serving.web.site import Site, is_part, post_path

_RELATED = 18


def add(router: APIRouter, site: Site) -> None:
    """Add `/posts/…`."""

    @site.page(router, "/posts/{post_id:path}")
    async def page(request: Request) -> Response:
        found = post_id(request)
        cursor = request.query_params.get("cursor")
        if is_part(request) and cursor:
            related = await site.backend.related(found, _RELATED, cursor)
            return site.render(
                request, "hits_more.html", hits=related, more=_more(found, related.next_cursor)
            )
        post, related = await gather(
            site.backend.post(found), site.backend.related(found, _RELATED, cursor)
        )
        done, title = request.query_params.get("done", ""), request.query_params.get("title", "")
        return site.render(
            request,
            "post.html",
            post=post,
            hits=related,
            more=_more(found, related.next_cursor),
            said=said(done, title),
        )


def _more(post_id: str, cursor: str | None) -> str:
    return f"{post_path(post_id)}?cursor={cursor}" if cursor else ""
