"""Like and follow: recorded, and the list is another at once."""

from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.security.keys import Scope
from serving.web.forms import sent
from serving.web.person import changed_page
from serving.web.said import said
from serving.web.site import Site, is_part, person_path, post_path
from serving.wire.writes import ReactionWrite
from training.errors import BadData

_KINDS = ("like", "follow")


def add(router: APIRouter, site: Site) -> None:
    """Add `POST /reactions`."""

    @site.page(router, "/reactions", scope=Scope.WRITE, method="POST")
    async def react(request: Request) -> Response:
        words = (await sent(request)).words
        reaction, title = _read(words), words.get("title", "")[:200]
        await site.backend.react([reaction])
        elsewhere = words.get("on") == "post"
        if not is_part(request):
            done = urlencode({"done": reaction.kind, "title": title})
            path = post_path(reaction.post_id) if elsewhere else person_path(reaction.user_id)
            return RedirectResponse(f"{path}?{done}", 303)
        message = said(reaction.kind, title)
        if elsewhere:
            return site.render(request, "said.html", wrong=False, message=message, hint="", what="")
        return await changed_page(
            site, request, user_id=reaction.user_id, message=message, what="", title=""
        )


def _read(words: dict[str, str]) -> ReactionWrite:
    if words.get("kind") not in _KINDS:
        raise BadData("a post can be liked here, and its author followed")
    fields = {name: words.get(name, "") for name in ("user_id", "post_id", "kind")}
    try:
        return ReactionWrite.model_validate(fields)
    except ValidationError:
        raise BadData("this reaction names no person or no post") from None
