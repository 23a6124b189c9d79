"""The OpenAPI document; `python -m serving.api.openapi` writes `serving/openapi.json`."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from serving.security.guard import COOKIE
from serving.wire.embeddings import ImagesRequest, TextsRequest, UsersRequest
from serving.wire.operations import Problem
from serving.wire.people import UserWrite
from serving.wire.search import SearchRequest
from serving.wire.writes import PostWrite, ReactionsRequest, SessionRequest

FILE = Path(__file__).parent.parent / "openapi.json"
_READ = (
    TextsRequest,
    ImagesRequest,
    UsersRequest,
    SearchRequest,
    SessionRequest,
    PostWrite,
    ReactionsRequest,
    UserWrite,
)
_DESCRIPTION = """
Users, images and texts of a social network in one embedding space: embed, search, recommend.

* **Keys.** Send an API key as `Authorization: Bearer cs_…` or `X-API-Key`. Its scopes are `read`,
  `write` and `admin`. In development mode no key is needed, and only this machine is answered.
* **Ids** may hold `/`, raw or as `%2F`. Encode it where the id ends like a path of the API.
* **Pages.** Send `next_cursor` of an answer as `cursor` of the next request, with the same rest.
* **Errors** are `application/problem+json` (RFC 9457); `errors` names the fields. With 429 and 503
  wait for as many seconds as `Retry-After` says.
* **Request ids.** Send `X-Request-Id` or take the one in the answer; it is in the logs.
* **Versions.** `model_version` says which space an answer comes from; vectors of different versions
  can't be compared.
"""
_TAGS = (
    ("Embeddings", "Contents become unit vectors in one space."),
    ("Search", "What is near a text, a picture, a person, a post, or a mix of them."),
    ("Recommendations", "Posts for people, with reasons."),
    ("People", "Who is there, and who is like whom."),
    ("Boundaries", "What people mute, block and hide."),
    ("Posts", "Read, write and delete posts."),
    ("Reactions", "Who did what with which post."),
    ("Operations", "For those who run the service."),
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Set by the page; no script can read it.",
    },
}


def describe(app: FastAPI) -> None:
    """Have an application serve the document under /openapi.json."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = document(app)
        return app.openapi_schema

    app.openapi = openapi


def document(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes and models."""
    found = get_openapi(
        title="Commonspace",
        version=version("commonspace"),
        openapi_version="3.1.0",
        description=_DESCRIPTION.strip(),
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    components = found.setdefault("components", {})
    components["schemas"] = dict(sorted((components.get("schemas", {}) | _models()).items()))
    components["securitySchemes"] = _SECURITY
    return found


def _models() -> dict[str, Any]:
    """Schemas that no route's signature names: bodies, and problems."""
    inputs = [(model, "validation") for model in _READ]
    _, schemas = models_json_schema(
        [*cast(Any, inputs), (Problem, "serialization")],
        ref_template="#/components/schemas/{model}",
    )
    return schemas["$defs"]


def text() -> str:
    """The document as the file has it."""
    from serving.api.application import create_app
    from serving.backend import Backend
    from serving.security.guard import Guard

    app = create_app(cast(Backend, None), Guard(None))
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
