"""Search: by words, a picture, a person, a post, or a mix of them."""

import io
from asyncio import gather
from dataclasses import dataclass, field

from anyio import to_thread
from fastapi import APIRouter
from PIL import Image
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.security.pictures import PictureCheck
from serving.security.refusals import BadFields
from serving.web.forms import sent
from serving.web.galleries import Portrait, portrait
from serving.web.search_form import TARGETS, SearchForm, kept
from serving.web.site import Site, is_part
from serving.wire.answers import Hits
from training.errors import BadData, CommonspaceError

_SIDE = 448
"""Of the picture that a page without scripts keeps; encoders look at fewer pixels."""
_EXAMPLES = ("a red bird", "flags", "fruit", "old computer", "music", "smiling face")


@dataclass(frozen=True)
class Found:
    """An answer to a search.

    Attributes:
        hits: posts.
        people: people instead, if they were looked for.
        asked: False if there was nothing to look for.
        wrong: what was wrong with the search, and what to do.
    """

    hits: Hits | None = None
    people: list[Portrait] = field(default_factory=list)
    asked: bool = False
    wrong: str = ""

    @property
    def count(self) -> int:
        """How many are on this page."""
        return len(self.hits.items) if self.hits else 0


def add(router: APIRouter, site: Site) -> None:
    """Add `/search`; with a picture it is posted, else its address says it all."""
    check = PictureCheck()

    @site.page(router, "/search")
    async def by_address(request: Request) -> Response:
        form = SearchForm.read(request.query_params)
        return await _answer(site, request, form, None, request.query_params.get("cursor"))

    @site.page(router, "/search", method="POST")
    async def by_form(request: Request) -> Response:
        came = await sent(request)
        form, image = SearchForm.read(came.words), came.picture
        if image is None and not is_part(request):
            return RedirectResponse(form.address, 303)
        if image is not None:
            await _check(check, image)
            if not is_part(request):
                image = await to_thread.run_sync(_smaller, image)
        return await _answer(site, request, form, image, came.words.get("cursor"))


async def _answer(
    site: Site, request: Request, form: SearchForm, image: bytes | None, cursor: str | None
) -> Response:
    found = await _found(site, form, image, cursor)
    status = 422 if found.wrong else 200
    context = {"form": form, "found": found, "kept": kept(image), "targets": TARGETS}
    if not is_part(request):
        return site.render(request, "search.html", status, examples=_EXAMPLES, **context)
    if cursor:
        return site.render(request, "search_more.html", **context)
    answer = site.render(request, "search_results.html", examples=_EXAMPLES, **context)
    answer.headers["hx-push-url"] = form.address
    return answer


async def _found(site: Site, form: SearchForm, image: bytes | None, cursor: str | None) -> Found:
    try:
        asked = form.request(image, cursor)
        if asked is None:
            return Found()
        hits = await site.backend.search(asked)
    except CommonspaceError as error:
        if error.http_status >= 500:
            raise  # not the searcher's doing
        return Found(asked=True, wrong=f"{error.message}. {error.hint}".removesuffix(". "))
    people = []
    if form.target == "users":
        people = await gather(*(portrait(site.backend, hit.id) for hit in hits.items))
    return Found(hits, list(people), asked=True)


async def _check(check: PictureCheck, image: bytes) -> None:
    try:
        await check({"picture": image})
    except BadFields as error:
        reason = error.fields["picture"]
        raise BadData(
            f"this picture can’t be used: {reason}", hint="JPEG, PNG, WebP or GIF, up to 10 MB"
        ) from None


def _smaller(image: bytes) -> bytes:
    """The picture as WebP, `_SIDE` pixels at most."""
    with Image.open(io.BytesIO(image)) as opened:
        picture = opened.convert("RGBA")
    picture.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=90)
    return out.getvalue()
