"""The gateway: HTTP in front of the other deployments; it knows neither models nor vectors."""

import logging
from logging.handlers import WatchedFileHandler
from typing import Any

from ray import serve
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.edge import MARK
from serving.remote import Handles, RemoteBackend
from serving.settings import ServingSettings


@serve.ingress()
class Gateway:
    """One HTTP API and the web page.

    Args:
        settings: of the service.
        text, image, user, recommender, writer: handles.
    """

    def __init__(
        self,
        settings: ServingSettings,
        text: Any,
        image: Any,
        user: Any,
        recommender: Any,
        writer: Any,
    ) -> None:
        self._settings = settings
        self._handles = Handles(text, image, user, recommender, writer)
        _open_logs(settings)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        from recsys.events.database import Events
        from serving.api.application import create_app
        from serving.api.metrics import Metrics
        from serving.calls import call
        from serving.exposition import cluster_page
        from serving.exposures import ExposureLog
        from serving.library import Library
        from serving.security.guard import Guard
        from serving.security.keys import KeyStore
        from serving.watch import in_replica, watch
        from serving.web.pages import router

        settings, security = self._settings, self._settings.serve.security
        recorder = watch(settings, "gateway")
        library = Library(Events(settings.events, settings.workspace, recorder))
        metrics = Metrics(recorder, cluster_page if in_replica() else None)
        log = None
        if settings.serve.log_exposures:
            writer = self._handles.writer
            log = ExposureLog(lambda batch: call(writer.log_exposures, batch), metrics.recorder)
        backend = RemoteBackend(self._handles, library, settings.serve, log)
        asked = security.mode == "keys"
        keys = KeyStore(settings.events, settings.workspace) if asked else None
        guard = Guard(keys, security)
        web = router(backend, guard)
        return _Marked(create_app(backend, guard, web=web, metrics=metrics))


def _open_logs(settings: ServingSettings) -> None:
    """Requests into a file that all copies append to, errors of ours to stderr as well."""
    where = settings.serve.access_log
    handler: logging.Handler = logging.StreamHandler()
    if where != "-":
        file = settings.workspace / where
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = WatchedFileHandler(file, encoding="utf-8")  # may be rotated by others
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("commonspace")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    logging.getLogger("commonspace.errors").addHandler(logging.StreamHandler())


class _Marked:
    """Answers that the edge knows for ours; see `serving.edge`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (MARK, b"1")]}
            await send(message)

        await self._app(scope, receive, marked)
