"""Hide, mute, block, and take it back: the list is another at once."""

import re
from dataclasses import dataclass
from typing import Any, cast, get_args
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.security.keys import Scope
from serving.web.forms import sent
from serving.web.person import changed_page
from serving.web.said import said
from serving.web.site import Site, is_part, person_path, post_path
from serving.wire.fields import ID_PATTERN
from serving.wire.people import BoundaryName
from training.errors import BadData


@dataclass(frozen=True)
class _Change:
    user_id: str
    kind: BoundaryName
    target: str
    title: str
    undo: bool
    on_post: bool

    @property
    def done(self) -> str:
        return f"un-{self.kind}" if self.undo else self.kind


def add(router: APIRouter, site: Site) -> None:
    """Add `POST /boundaries`."""

    @site.page(router, "/boundaries", scope=Scope.WRITE, method="POST")
    async def change(request: Request) -> Response:
        asked = _read((await sent(request)).words)
        backend = site.backend
        do = backend.delete_boundary if asked.undo else backend.put_boundary
        await do(asked.user_id, asked.kind, asked.target)
        if not is_part(request):
            done = urlencode({"done": asked.done, "title": asked.title})
            path = post_path(asked.target) if asked.on_post else person_path(asked.user_id)
            return RedirectResponse(f"{path}?{done}", 303)
        context: dict[str, Any] = {
            "user_id": asked.user_id,
            "message": said(asked.done, asked.title),
            "what": "" if asked.undo else f"{asked.kind} {asked.target}",
            "title": asked.title,
        }
        if asked.on_post:
            return site.render(request, "said.html", wrong=False, hint="", **context)
        return await changed_page(site, request, **context)


def _read(words: dict[str, str]) -> _Change:
    kind, _, target = words.get("what", "").partition(" ")
    if kind not in get_args(BoundaryName):
        raise BadData("posts and tags can be kept away here, and people")
    ids = [words.get("user_id", "")] + ([target] if kind != "muted_tag" else [])
    if not target or not all(re.fullmatch(ID_PATTERN, one) for one in ids):
        raise BadData("this names no person, or nothing to keep away from them")
    return _Change(
        user_id=ids[0],
        kind=cast(BoundaryName, kind),
        target=target,
        title=words.get("title", "")[:200] if kind == "hidden" else target[:200],
        undo=words.get("undo") == "1",
        on_post=words.get("on") == "post" and kind == "hidden",
    )
