"""Replicas of deployments in this process, over a small world; only the encoders are made up."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from recsys.config import RecommendConfig
from serving.deployments.encoder import Encoded
from serving.deployments.recommender import Recommending
from serving.deployments.writer import Writing
from serving.settings import ServingSettings
from tests.serving.local_backend import HashedSpace, open_backend
from training.errors import NotFound

SPACE = HashedSpace()


class Method:
    """A method of a handle."""

    def __init__(self, work) -> None:
        self._work = work

    async def remote(self, *arguments, carried=None):
        answers = hasattr(self._work, "__wrapped__")  # a replica's method, see `calls.answering`
        found = self._work(*arguments, **({"carried": carried} if answers else {}))
        return await found if inspect.isawaitable(found) else found


class Handle:
    """Of a replica in this process."""

    def __init__(self, replica: object) -> None:
        self._replica = replica

    def __getattr__(self, name: str) -> Method:
        return Method(getattr(self._replica, name))


def _texts(version: str, texts: list[str]) -> Encoded:
    vectors = SPACE.encode_text(texts)
    return Encoded(vectors, vectors)  # a feature is the vector itself here


def _people(version: str, people) -> np.ndarray:
    rows = [
        np.sum([row for row in (*one.history.texts, *one.history.images) if row is not None], 0)
        for one in people
    ]
    return torch.nn.functional.normalize(torch.tensor(np.stack(rows)), dim=1).numpy()


def handles() -> tuple[Any, Any, Any]:
    """Of text, image and user encoders."""
    nothing = Method(lambda version: None)
    encoder = SimpleNamespace(encode=Method(_texts), prepare=nothing)
    return encoder, encoder, SimpleNamespace(people=Method(_people), prepare=nothing)


def settings(folder) -> ServingSettings:
    """Of a workspace with a small world in it."""
    open_backend(folder).close()
    return ServingSettings(workspace=folder, recommend=RecommendConfig(reactions=None))


@asynccontextmanager
async def writing(chosen: ServingSettings) -> AsyncIterator[Writing]:
    """The writer; it follows no registry."""
    replica = Writing.__new__(Writing)
    replica._champion = lambda: None  # type: ignore[method-assign]
    await replica.__init__(chosen, *handles())  # type: ignore[misc]
    yield replica
    replica._watch.cancel()
    await asyncio.gather(replica._watch, return_exceptions=True)
    replica._threads.shutdown()
    replica._store.close()
    replica._events.close()


@asynccontextmanager
async def recommending(chosen: ServingSettings) -> AsyncIterator[Recommending]:
    """The recommender."""
    replica = Recommending.__new__(Recommending)
    await replica.__init__(chosen, *handles())  # type: ignore[misc]
    yield replica
    assert replica._pair._task is not None
    replica._pair._task.cancel()
    replica._personal.close()
    await asyncio.gather(replica._pair._task, return_exceptions=True)
    replica._threads.shutdown()
    replica._store.close()
    replica._events.close()


def nobody(version: str, people) -> np.ndarray:
    """A model that places nobody by what they say."""
    raise NotFound("no embedding")
