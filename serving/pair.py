"""The pair in use: a model version and the index that it embedded, kept together."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from recsys.milvus import Vanished
from recsys.vectors import VectorStore
from recsys.view import View
from serving.measures import IN_USE, INDEX_BEGUN
from training.errors import CommonspaceError, Unavailable
from training.recorder import SILENT, Recorder

T = TypeVar("T")
_ATTEMPTS = 3
_log = logging.getLogger(__name__)


class Pair:
    """Follows the live index, and changes over once the model that belongs to it can answer.

    A question takes the pair once and keeps to it: its query is embedded by that model version and
    searched for in that index. Who asks during a change gets the old pair or the new, never a mix.

    Args:
        store: the index.
        prepare: has the encoders load a model version; returns when they have.
        follow_s: how often to look.
        recorder: is told which pair is in use.
    """

    def __init__(
        self,
        store: VectorStore,
        prepare: Sequence[Callable[[str], Awaitable[None]]],
        follow_s: float,
        recorder: Recorder = SILENT,
    ) -> None:
        self._recorder = recorder
        self._store = store
        self._prepare = prepare
        self._follow_s = follow_s
        self._view: View | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the live pair, and follow it from now on. Raises: NotFound if nothing is indexed."""
        self._take(await asyncio.to_thread(self._store.live))
        self._task = asyncio.create_task(self._follow())

    @property
    def view(self) -> View:
        """The index in use; its `version` names the model."""
        if self._view is None:
            raise Unavailable("the service is starting", hint="try again in some seconds")
        return self._view

    async def read(self, work: Callable[[View], Awaitable[T]]) -> T:
        """Answer a question with one pair; again with the next if that was dropped meanwhile."""
        for _ in range(_ATTEMPTS):
            view = self.view
            try:
                return await work(view)
            except Vanished:  # dropped, or the vectors' server was started anew
                await asyncio.to_thread(self._store.forget)
                self._take(await asyncio.to_thread(self._store.live))
        raise Unavailable("the index changes too fast to be read", hint="try again in a second")

    def _take(self, view: View) -> None:
        before, self._view = self._view, view
        if before is not None and before.version != view.version:
            self._tell(before, 0)
        self._tell(view, 1)
        if view.begun is not None:
            self._recorder.set(INDEX_BEGUN, view.begun.timestamp())

    def _tell(self, view: View, used: int) -> None:
        model, build = view.version.model, str(view.version.build)
        self._recorder.set(IN_USE, used, model_version=model, index_build=build)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._follow_s)
            try:
                live = await asyncio.to_thread(self._store.live)
                if live.version != self.view.version:
                    for prepare in self._prepare:
                        await prepare(live.version.model)
                    self._take(live)
                    _log.info("in use now: %s", live.version)
            except CommonspaceError as error:
                _log.warning("the live index can't be followed: %s", error)
            except Exception:
                _log.exception("the live index can't be followed")
