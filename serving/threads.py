"""Work in threads that stays part of its request: its ids and its trace go along."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


async def in_thread(threads: Executor, work: Callable[[], T]) -> T:
    """What `work` returns, or raises, in one of the threads."""
    return await asyncio.wrap_future(threads.submit(copy_context().run, work))
