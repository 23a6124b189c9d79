"""What Prometheus may watch in a test: the whole service in this process, over real HTTP."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import requests
import torch
import uvicorn
from ray.serve.exceptions import BackPressureError

from recsys.events.records import Person
from serving import watch
from serving.calls import Busy, call
from serving.deployments.encoder import Encoding
from serving.deployments.gateway import Gateway
from serving.deployments.recommender import Recommending
from serving.deployments.writer import Writing
from serving.models import First
from serving.prometheus import PrometheusRecorder
from serving.remote import Handles
from tests.recsys.world import TEXT_WIDTH
from tests.serving.deployments.replicas import Handle, handles, settings
from tests.serving.local_backend import VERSION, HashedSpace, _drawn
from training.errors import NotFound
from training.recorder import SILENT


class TextEncoding(Encoding):
    """A real replica over a made-up encoder; Ray Serve batches in its own processes alone."""

    async def _batch(self, ask: Any) -> Any:  # type: ignore[override]
        return (await self._together([ask]))[0]

    for _setting in ("set_max_batch_size", "set_batch_wait_timeout_s"):
        setattr(_batch, _setting, lambda value: None)

    def _read(self, folder: Path) -> tuple[Any, Any]:
        def encode(texts: list[str]) -> torch.Tensor:
            return _drawn([text.encode() for text in texts], TEXT_WIDTH)

        return HashedSpace(), SimpleNamespace(encode=encode)


class Full:
    """A part whose queue is full."""

    deployment_name = "text"

    async def remote(self, *arguments: object, **named: object) -> None:
        raise BackPressureError(num_queued_requests=1, max_queued_requests=1)


@contextmanager
def watched_service(folder: Path) -> Iterator[str]:
    """The address of a service that is asked without a pause until the `with` ends."""
    watch.use(PrometheusRecorder())
    served, ended = _Served(folder), threading.Event()
    thread = threading.Thread(target=served.run)
    thread.start()
    try:
        assert served.ready.wait(30)
        asking = threading.Thread(target=_ask, args=(served.url, ended))
        asking.start()
        yield served.url
        ended.set()
        asking.join()
    finally:
        ended.set()
        served.stop()
        thread.join()
        watch.use(SILENT)


class _Served:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.ready = threading.Event()
        self._server: uvicorn.Server | None = None

    def run(self) -> None:
        asyncio.run(self._run())

    def stop(self) -> None:
        if self._server is not None:
            self._server.should_exit = True

    async def _run(self) -> None:
        chosen = settings(self._folder)
        serve = chosen.serve.model_copy(update={"follow_s": 0.5, "repair_s": 2})
        chosen = chosen.model_copy(update={"serve": serve})
        text = Handle(TextEncoding(chosen, serve.text, "text", First(VERSION, self._folder)))
        _, image, user = handles()
        writer = Writing.__new__(Writing)
        await writer.__init__(chosen, text, image, user)  # type: ignore[misc]
        writer._events.add_people([Person("newcomer", "says little")])
        recommender = Recommending.__new__(Recommending)
        await recommender.__init__(chosen, text, image, user)  # type: ignore[misc]
        behind = Handles(text, image, user, Handle(recommender), Handle(writer))
        gateway: Any = SimpleNamespace(_settings=chosen, _handles=behind)
        app = Gateway.__serve_build_asgi_app__(gateway)
        config = uvicorn.Config(app, port=self._port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        watching = asyncio.create_task(self._said())
        await self._server.serve()
        await watching
        for task in (writer._watch, recommender._pair._task):
            task.cancel()
        await asyncio.sleep(0)
        recommender._personal.close()
        for part in (recommender, writer):
            part._store.close()
            part._events.close()

    async def _said(self) -> None:
        while self._server is not None and not self._server.started:
            await asyncio.sleep(0.05)
        self.ready.set()


def _ask(url: str, ended: threading.Event) -> None:
    with requests.Session() as session:
        while not ended.is_set():
            for path in (
                "/v1/users/person0/recommendations?limit=3",
                "/v1/users/newcomer/recommendations?limit=3",
                "/v1/users/person1/similar",
                "/v1/users/nobody/similar",
            ):
                session.get(url + path, timeout=10)
            query = {"query": [{"text": "a boat"}], "limit": 2}
            session.post(f"{url}/v1/search", json=query, timeout=10)
            with suppress(Busy):
                asyncio.run(call(Full(), "1", []))
            time.sleep(0.4)


def nobody_is_champion(*arguments: object) -> None:
    """In place of a registry that answers and has no champion."""
    raise NotFound("no champion")
