"""One browser and one server for all tests of the page, over a small world with pictures."""

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from recsys.config import EventsConfig
from serving.api.application import create_app
from serving.security.config import SecurityConfig
from serving.security.guard import Guard
from serving.security.keys import KeyStore, Scope
from serving.web.pages import router
from tests.serving.web.demo_backend import DemoBackend, open_small

SHOTS = Path("build/screenshots")
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass
class Served:
    """A page that is being served.

    Attributes:
        url: its address, without a slash at the end.
        backend: what answers.
        reader: a key that may read.
        writer: a key that may read and write.
    """

    url: str
    backend: DemoBackend
    reader: str = ""
    writer: str = ""


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBackend]:
    backend = open_small(tmp_path_factory.mktemp("world"))
    yield backend
    backend.close()


@pytest.fixture(scope="session")
def site(backend: DemoBackend) -> Iterator[Served]:
    """In development mode."""
    with _serving(backend, Guard(None)) as url:
        yield Served(url, backend)


@pytest.fixture(scope="session")
def locked(backend: DemoBackend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """With keys."""
    with KeyStore(EventsConfig(), tmp_path_factory.mktemp("keys")) as keys:
        reader = keys.create("reader", [Scope.READ])[1]
        writer = keys.create("writer", [Scope.READ, Scope.WRITE])[1]
        with _serving(backend, Guard(keys, SecurityConfig(mode="keys"))) as url:
            yield Served(url, backend, reader, writer)


@pytest.fixture(scope="module")  # while it is there, no event loop but its own can run here
def browser() -> Iterator[Browser]:
    if _CHROMIUM is None:
        # where changes are checked, a missing browser must not pass for a page that works
        end = pytest.fail if os.environ.get("CI") else pytest.skip
        end("no Chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a fresh visitor whose console must stay clean: the policy forbids nothing of it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(10_000)
    page, said = context.new_page(), []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("console", lambda line: said.append(line.text) if _bad(line) else None)
    yield page
    context.close()
    assert not said


def shoot(page: Page, name: str) -> None:
    """Keep a screenshot for eyes."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")


def _bad(line) -> bool:
    # a page that says what went wrong has a status of its own, and a newer search ends an older:
    # browser and htmx note both
    noted = (
        "Failed to load resource",
        "Response Status Error Code",
        "htmx:afterRequest",
        "htmx:sendAbort",
    )
    return line.type in ("error", "warning") and not line.text.startswith(noted)


class _serving:
    """A server of the whole application in a thread."""

    def __init__(self, backend: DemoBackend, guard: Guard) -> None:
        app = create_app(backend, guard, web=router(backend, guard))
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(64)
        serve = self._server.serve(sockets=[self._socket])
        self._thread = threading.Thread(target=lambda: asyncio.run(serve), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
