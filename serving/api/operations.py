"""`/healthz`, `/readyz` and `/metrics`: for those who run it."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from serving.api import examples
from serving.api.answering import answer
from serving.api.documented import REQUEST_ID, documented
from serving.api.metrics import MEDIA_TYPE
from serving.api.reading import JSON
from serving.api.service import Service
from serving.wire.operations import Health, Readiness

router = APIRouter(tags=["Operations"])
_READY = documented(Readiness, examples.READINESS, scope=None)
_READY["responses"][503] = {
    "model": Readiness,
    "description": "Not yet, or not any more.",
    "headers": REQUEST_ID,
    "content": {JSON: {"example": examples.READINESS | {"ready": False}}},
}
_METRICS = documented(Health, None)
_METRICS["responses"][200] = {
    "description": "Prometheus' text format.",
    "headers": REQUEST_ID,
    "content": {"text/plain": {"schema": {"type": "string"}}},
}
_METRICS |= {"response_model": None, "response_class": Response}


@router.get("/healthz", summary="Alive?", **documented(Health, examples.HEALTH, scope=None))
async def health() -> Response:
    """The process answers."""
    return answer(Health())


@router.get("/readyz", summary="Ready?", **_READY)
async def ready(backend: Service) -> Response:
    """Whether requests can be answered, part by part; 503 with the same body if not."""
    state = await backend.readiness()
    return answer(state) if state.ready else answer(state, 503, {"retry-after": "1"})


@router.get("/metrics", summary="Metrics", **_METRICS)
async def metrics(request: Request) -> Response:
    """Figures of all parts of the service, some seconds old."""
    return Response(await request.app.state.metrics.page(), media_type=MEDIA_TYPE)
