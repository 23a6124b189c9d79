"""Calls through Ray Serve's own handles, of replicas in this process."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ray import serve
from ray.serve.exceptions import BackPressureError

from serving import watch
from serving.calls import Busy, answering, call
from serving.prometheus import PrometheusRecorder
from training.errors import NotFound
from training.logs import bound, ids
from training.recorder import SILENT


@serve.deployment(name="text")
class Replica:
    @answering
    async def encode(self, version: str, raw: str) -> Any:
        if raw == "nothing":
            raise NotFound("no such thing")
        return version, raw, ids()


@pytest.fixture
def registry():
    recorder = PrometheusRecorder()
    watch.use(recorder)
    yield recorder.registry
    watch.use(SILENT)


def test_a_call_takes_ids_along_and_is_told_by_part_and_method(registry: CollectorRegistry):
    handle = serve.run(Replica.bind(), _local_testing_mode=True)

    async def whole():
        with bound(request_id="r9"):
            assert await call(handle.encode, "1", "a") == ("1", "a", {"request_id": "r9"})
            with pytest.raises(NotFound):
                await call(handle.encode, "1", "nothing")
        assert await call(handle.encode, "2", "b") == ("2", "b", {})

    asyncio.run(whole())
    labels = {"part": "text", "method": "encode"}
    assert registry.get_sample_value("commonspace_call_seconds_count", labels) == 3
    assert registry.get_sample_value("commonspace_calls_under_way", {"part": "text"}) == 0


def test_a_full_queue_is_told_by_its_part(registry: CollectorRegistry):
    class Full:
        deployment_name = "writer"

        async def remote(self, *arguments: object) -> None:
            raise BackPressureError(num_queued_requests=1, max_queued_requests=1)

    with pytest.raises(Busy):
        asyncio.run(call(Full()))
    assert registry.get_sample_value("commonspace_refused_total", {"part": "writer"}) == 1
