import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor

import pytest

from training.job_client import blocking


class Chunks:
    """A stream of some chunks and then an end, an error, or silence."""

    def __init__(self, *chunks: str, error: Exception | None = None, silent: bool = False) -> None:
        self._chunks, self._error, self._silent = chunks, error, silent
        self.closed = False

    async def stream(self) -> AsyncGenerator[str, None]:
        try:
            for chunk in self._chunks:
                yield chunk
            if self._error:
                raise self._error
            if self._silent:
                await asyncio.Event().wait()
        finally:
            self.closed = True


def test_a_stream_is_walked_outside_of_a_loop_and_inside_one() -> None:
    async def notebook() -> list[str]:
        return list(blocking(Chunks("a", "b").stream()))

    assert list(blocking(Chunks("a", "b").stream())) == ["a", "b"]
    # In a thread of its own: browser tests leave the suite's main thread inside a loop.
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(asyncio.run, notebook()).result() == ["a", "b"]


def test_an_error_comes_after_what_was_said_before_it() -> None:
    walked = blocking(Chunks("a", error=RuntimeError("closed unexpectedly")).stream())
    assert next(walked) == "a"
    with pytest.raises(RuntimeError, match="closed unexpectedly"):
        next(walked)


def test_a_stream_that_is_left_while_it_is_silent_is_closed() -> None:
    chunks, threads = Chunks("a", silent=True), threading.active_count()
    walked = blocking(chunks.stream())
    assert next(walked) == "a"
    walked.close()
    assert chunks.closed and threading.active_count() == threads
