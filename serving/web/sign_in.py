"""Signing in with an API key, and out."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.web.forms import sent
from serving.web.site import Site
from training.errors import CommonspaceError


def add(router: APIRouter, site: Site) -> None:
    """Add `/sign-in` and `/sign-out`."""

    @router.get("/sign-in", response_model=None)
    async def form(request: Request) -> Response:
        following = local_path(request.query_params.get("next", "/"))
        if site.guard.open:
            return RedirectResponse(following, 303)
        return site.render(request, "sign_in.html", next=following, wrong="")

    @router.post("/sign-in", response_model=None)
    async def sign_in(request: Request) -> Response:
        words = (await sent(request)).words
        following = local_path(words.get("next", "/"))
        if site.guard.open:
            return RedirectResponse(following, 303)
        key = words.get("key", "").strip()
        try:
            await site.guard.check(key, site.guard.address(request))
        except CommonspaceError as error:
            wrong = f"{error.message}: {error.hint}" if error.hint else error.message
            return site.render(
                request, "sign_in.html", error.http_status, next=following, wrong=wrong
            )
        answer = RedirectResponse(following, 303)
        site.guard.remember(answer, key)
        return answer

    @router.post("/sign-out", response_model=None)
    async def sign_out(request: Request) -> Response:
        answer = RedirectResponse("/sign-in", 303)
        site.guard.forget(answer)
        return answer


def local_path(wanted: str) -> str:
    """A path of this site, as it is; `/` instead of what a browser takes for another site."""
    good = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if good and wanted.isprintable() else "/"
