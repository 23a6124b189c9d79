"""What every page does: let people in, ask the backend, answer in HTML, whatever happens."""

import re
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from serving.backend import Backend
from serving.security.guard import Guard
from serving.security.keys import Scope
from serving.web.rendering import environment
from training.errors import CommonspaceError, Refused

Answer = Callable[[Request], Awaitable[Response]]
PERSON = "commonspace_person"
"""Cookie with the id of the person who was chosen last."""
_RETRY_S = "2"
_MEANT = re.compile(r"did you mean (.+)\?")
"""How an error names the people whose ids are near."""
_YEAR_S = 365 * 24 * 3600


class Site:
    """Backend, guard and templates; each page is a function over them.

    Args:
        backend: answers.
        guard: who may.
    """

    def __init__(self, backend: Backend, guard: Guard) -> None:
        self.backend = backend
        self.guard = guard
        self._templates = environment()

    def page(
        self, router: APIRouter, path: str, *, scope: Scope = Scope.READ, method: str = "GET"
    ) -> Callable[[Answer], Answer]:
        """Decorate the function that answers a path.

        Who may not is sent to sign in; every `CommonspaceError` becomes a page that says what is
        wrong and what to do.
        """

        def add(answer: Answer) -> Answer:
            @wraps(answer)
            async def guarded(request: Request) -> Response:
                try:
                    await self.guard.admit(request, scope)
                    return await answer(request)
                except Refused:
                    return _to_sign_in(request)
                except CommonspaceError as error:
                    return self.error(request, error)

            router.add_api_route(path, guarded, methods=[method], response_model=None)
            return answer

        return add

    def render(self, request: Request, template: str, code: int = 200, **context: Any) -> Response:
        """A page, or a part of one."""
        everywhere = {
            "development": self.guard.open,
            "chosen": context.pop("chosen", request.cookies.get(PERSON, "")),
            "path": request.scope["path"],
            "signed_in": not self.guard.open and template != "sign_in.html",
        }
        html = self._templates.get_template(template).render(**everywhere, **context)
        headers = {
            "cache-control": "private, no-cache",
            "vary": "Cookie, HX-Request",
            # with `no-referrer` browsers send forms as from `Origin: null`, which is refused
            "referrer-policy": "same-origin",
        }
        return Response(html, code, headers, media_type="text/html; charset=utf-8")

    def error(self, request: Request, error: CommonspaceError) -> Response:
        """What is wrong and what to do: a page, or a message over the page that is there."""
        status = error.http_status
        meant = _MEANT.fullmatch(error.hint)
        context = {
            "status": status,
            "message": error.message[:1].upper() + error.message[1:],
            "hint": error.hint,
            "names": meant[1].split(", ") if meant else [],
        }
        # what failed may stand behind the form, whose address alone would say nothing
        again = str(request.url.path) if request.method == "GET" else ""
        if again and request.url.query:
            again += f"?{request.url.query}"
        if is_part(request):
            answer = self.render(request, "said.html", status, wrong=True, what="", **context)
            answer.headers["hx-retarget"] = "#said"
            answer.headers["hx-reswap"] = "innerHTML"
        else:
            answer = self.render(request, "error.html", status, again=again, **context)
        if status in (429, 503):
            answer.headers["retry-after"] = str(getattr(error, "retry_after", _RETRY_S))
        return answer

    def choose(self, answer: Response, user_id: str) -> Response:
        """Have the browser remember who was chosen: an id, no credential."""
        answer.set_cookie(PERSON, user_id, max_age=_YEAR_S, httponly=True, samesite="lax", path="/")
        return answer


def is_part(request: Request) -> bool:
    """Whether a script asks for a part of the page that is there already."""
    return request.headers.get("hx-request") == "true"


def person_path(user_id: str) -> str:
    """Of a person's page."""
    return f"/people/{quote(user_id, safe='/:@')}"


def post_path(post_id: str) -> str:
    """Of a post's page."""
    return f"/posts/{quote(post_id, safe='/:@')}"


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path if request.method == "GET" else "/"
    if request.method == "GET" and request.url.query:
        wanted += f"?{request.url.query}"
    if is_part(request):  # a redirect would be followed in silence
        shown = request.headers.get("hx-current-url", "")
        path = "/" + shown.split("://", 1)[-1].partition("/")[2]
        return Response(
            status_code=401, headers={"hx-redirect": f"/sign-in?{urlencode({'next': path})}"}
        )
    return RedirectResponse(f"/sign-in?{urlencode({'next': wanted})}", 303)
