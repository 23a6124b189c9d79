"""The application: resources, the page, and what stands between them and the world."""

from fastapi import APIRouter, FastAPI

from serving.api import (
    boundaries,
    embeddings,
    errors,
    operations,
    posts,
    reactions,
    search,
    sessions,
    users,
)
from serving.api.metrics import Metrics
from serving.api.observed import Observed
from serving.api.openapi import describe
from serving.api.paths import EncodedSlashes
from serving.backend import Backend
from serving.security.bodies import BodyLimit, BodyLimits
from serving.security.guard import Guard
from serving.security.headers import SecurityHeaders
from serving.security.origin import CrossOrigin, OriginCheck
from serving.security.pictures import PictureCheck

_RESOURCES = (
    embeddings.router,
    search.router,
    boundaries.router,  # before people: an id may look like the end of these paths
    users.router,
    posts.router,
    sessions.router,
    reactions.router,
    operations.router,
)
_EXPOSED = ("ETag", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id")


def create_app(
    backend: Backend,
    guard: Guard,
    *,
    web: APIRouter | None = None,
    limits: BodyLimits | None = None,
    metrics: Metrics | None = None,
) -> FastAPI:
    """The API, and the page if one is given, over a backend.

    Args:
        backend: answers.
        guard: tells who may ask.
        web: routes of the page; they aren't in the OpenAPI document.
        limits: of bodies; the defaults if None.
        metrics: that requests are counted in; new ones if None.
    """
    app = FastAPI(
        docs_url=None,  # its scripts come from a CDN
        redoc_url=None,
        redirect_slashes=False,  # `x/` and `x` are different ids
    )
    app.state.backend, app.state.guard = backend, guard
    app.state.pictures, app.state.metrics = PictureCheck(), metrics or Metrics()
    resources = [route for router in _RESOURCES for route in router.routes]
    for router in _RESOURCES:
        app.include_router(router)
    app.include_router(errors.reserved(resources))
    if web is not None:
        app.include_router(web, include_in_schema=False)
    errors.install(app, [*app.routes, *resources], web.routes if web else [])
    describe(app)
    # the last one added is the first to see a request
    app.add_middleware(EncodedSlashes)
    app.add_middleware(BodyLimit, limits=limits)
    if guard.config.cors_origins:
        app.add_middleware(
            CrossOrigin,
            allow_origins=guard.config.cors_origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key", "X-Request-Id"],
            expose_headers=_EXPOSED,
        )
    app.add_middleware(OriginCheck, guard=guard)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observed, metrics=app.state.metrics)
    return app
