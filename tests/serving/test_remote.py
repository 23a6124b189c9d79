import asyncio
from types import SimpleNamespace

import numpy as np
import pytest
from ray.serve.exceptions import BackPressureError

from recsys.events.exposures import Exposure
from serving.calls import Busy, Failed
from serving.config import ServeConfig
from serving.exposures import ExposureLog, Shown
from serving.prometheus import PrometheusRecorder
from serving.remote import Handles, RemoteBackend
from serving.wire.answers import Recommendations
from serving.wire.search import Filters
from tests.serving.test_exposures import exposure
from training.errors import NotFound


class Method:
    """A method of a handle: answers, or raises, what it is told."""

    def __init__(self, answer) -> None:
        self.answer, self.calls = answer, 0

    async def remote(self, *arguments):
        self.calls += 1
        await asyncio.sleep(0.01)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(*arguments) if callable(self.answer) else self.answer


def letters(version: str, raw: list[str]) -> np.ndarray:
    """Where in the alphabet each text begins."""
    return np.array([[float(ord(text[0]) - ord("a"))] for text in raw], dtype=np.float32)


def backend(version=("3", 7), encoded=None, state=None) -> tuple[RemoteBackend, Handles]:
    encoder = SimpleNamespace(embed=Method(encoded or letters), prepare=Method(None))
    recommender = SimpleNamespace(version=Method(version), index_state=Method(state))
    writer = SimpleNamespace(state=Method(state))
    handles = Handles(encoder, encoder, encoder, recommender, writer)
    return RemoteBackend(handles, None, ServeConfig()), handles  # type: ignore[arg-type]


def test_a_crowd_asks_once_which_version_is_in_use():
    remote, handles = backend()

    async def crowd():
        return await asyncio.gather(*(remote.embed_texts(["a", "b"]) for _ in range(50)))

    answers = asyncio.run(crowd())
    assert handles.recommender.version.calls == 1
    assert {one.model_version for one in answers} == {"3"}
    assert answers[0].embeddings == [[0.0], [1.0]]
    assert handles.text.embed.calls <= 5  # of 32 texts each


def test_errors_arrive_as_what_they_are():
    remote, _ = backend(encoded=Failed(NotFound("no such version")))
    with pytest.raises(NotFound, match="no such version"):
        asyncio.run(remote.embed_texts(["a"]))


def test_a_full_queue_is_busy():
    remote, _ = backend(encoded=BackPressureError(num_queued_requests=1, max_queued_requests=1))
    with pytest.raises(Busy):
        asyncio.run(remote.embed_texts(["a"]))


def test_readiness_tells_what_fails_and_takes_busy_for_well():
    full = BackPressureError(num_queued_requests=1, max_queued_requests=1)
    busy, _ = backend(state=full)
    assert asyncio.run(busy.readiness()).ready
    broken, _ = backend(state=Failed(NotFound("nothing is indexed")))
    found = asyncio.run(broken.readiness())
    assert not found.ready
    assert {part.name: part.detail for part in found.parts if not part.ready} == {
        "writer": "nothing is indexed",
        "index": "nothing is indexed",
    }


def test_what_is_shown_is_logged_after_the_answer_and_not_in_its_way():
    page = Recommendations(model_version="3", items=[], request_id="r1")
    shown = Shown(page, tuple(exposure(place) for place in range(3)))
    handles = Handles(None, None, None, SimpleNamespace(recommend=Method(shown)), None)
    written: list[Exposure] = []

    async def slowly(batch):
        await asyncio.sleep(0.05)
        written.extend(batch)

    async def ask():
        log = ExposureLog(slowly, PrometheusRecorder(), linger_s=0)
        remote = RemoteBackend(handles, None, ServeConfig(), log)  # type: ignore[arg-type]
        found = await remote.recommend("ann", 3, None, Filters())
        assert (found, written) == (page, []), "the answer doesn't wait"
        await asyncio.sleep(0.2)

    asyncio.run(ask())
    assert written == list(shown.exposures)
