"""`/metrics`: figures for Prometheus; of routes, never of people."""

from collections.abc import Awaitable, Callable

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serving.measures import HTTP_REQUESTS, HTTP_SECONDS
from serving.prometheus import PrometheusRecorder
from training.recorder import Recorder

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MEDIA_TYPE = CONTENT_TYPE_LATEST


def known_method(method: str) -> str:
    """The method, or OTHER: anyone may make up methods."""
    return method if method in _METHODS else "OTHER"


class Metrics:
    """Counts requests, and shows what there is.

    Args:
        recorder: takes the figures.
        page: all that is shown, as Prometheus reads it; if None, what a `PrometheusRecorder` kept:
            the given one, or one that is made.

    Attributes:
        recorder: others may tell it theirs.
        page: all that is shown, as Prometheus reads it.
    """

    def __init__(
        self,
        recorder: Recorder | None = None,
        page: Callable[[], Awaitable[bytes]] | None = None,
    ) -> None:
        if page is None or recorder is None:
            kept = recorder if isinstance(recorder, PrometheusRecorder) else PrometheusRecorder()
            recorder, page = kept, page or kept.shown
        self.recorder, self.page = recorder, page

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; `method` is a known one."""
        self.recorder.add(HTTP_REQUESTS, route=route, method=method, status=str(status))
        self.recorder.observe(HTTP_SECONDS, seconds, route=route, method=method)
