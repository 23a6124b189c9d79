import asyncio
import math
from collections.abc import Iterator
from itertools import islice

import pytest
from aiohttp import web

from infra.benchmarks.load import Ask, Load, cycle, percentile, statuses


@pytest.fixture
def answers() -> Iterator[list]:
    """What a small server answers: 200, 503 with Retry-After, and one broken connection."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == "/full":
            return web.Response(status=503, headers={"retry-after": "1"})
        if request.path == "/broken":
            assert request.transport is not None
            request.transport.close()
        return web.json_response(await request.json() if request.can_read_body else {})

    async def main() -> list:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        load = Load(f"http://127.0.0.1:{port}", keep=True)
        makers = [
            lambda n: Ask("good", "PUT", "/good", {"n": n}, f"key-{n}"),
            lambda n: Ask("full", "GET", "/full"),
            lambda n: Ask("broken", "GET", "/broken"),
        ]
        closed = await load.closed_loop(islice(cycle(*makers), 30), 4)
        opened = await load.open_loop(cycle(makers[0]), rate=100, seconds=0.2)
        await runner.cleanup()
        return [closed, opened]

    yield asyncio.run(main())


def test_every_request_is_accounted_for(answers: list):
    closed, opened = answers
    assert statuses(closed) == {"200": 10, "503": 10, "lost": 10}
    assert sum(one.good for one in closed) == 10
    assert all(one.refused for one in closed if one.status == 503)
    assert {one.ask.key for one in closed if one.good} == {f"key-{n}" for n in range(10)}
    assert len(opened) == 20 and all(one.good for one in opened)


def test_percentiles(answers: list):
    closed, _ = answers
    seconds = sorted(one.seconds for one in closed)
    assert percentile(closed, 0) == seconds[0]
    assert percentile(closed, 1) == seconds[-1]
    assert math.isnan(percentile([], 0.5))
