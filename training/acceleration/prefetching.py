"""Batches made ready while the model computes, and how long it waited for them all the same."""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, is_dataclass, replace
from typing import Generic, TypeVar

import torch
from torch import Tensor

from training.acceleration.config import AccelerationConfig

T = TypeVar("T")
B = TypeVar("B")


class Feed(Generic[B]):
    """An iterator that is watched: how long its reader waited.

    Args:
        batches: to hand on.

    Attributes:
        waited_s: seconds spent inside `next`, so far.
    """

    def __init__(self, batches: Generator[B]) -> None:
        self._batches = batches
        self.waited_s = 0.0

    def close(self) -> None:
        """Stop what makes the batches."""
        self._batches.close()

    def __iter__(self) -> Iterator[B]:
        return self

    def __next__(self) -> B:
        begun = time.perf_counter()
        try:
            return next(self._batches)
        finally:
            self.waited_s += time.perf_counter() - begun


def ahead(batches: Iterator[T], prepare: Callable[[T], B], depth: int) -> Generator[B]:
    """Prepared batches in order; a thread stays `depth` of them ahead of the reader.

    Args:
        batches: cheap or dear to make; only that thread touches it.
        prepare: what is done to each, in that thread.
        depth: 0 does all in the reader's own thread.

    Raises: what `batches` or `prepare` raised, in its place in the order.
    """
    if depth == 0:
        yield from map(prepare, batches)
        return
    # the thread holds one more in its hand
    ready: queue.Queue[tuple[B | None, BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: tuple[B | None, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for batch in batches:
                if not put((prepare(batch), None)):
                    return
            put((None, None))
        except BaseException as error:  # it belongs to the reader
            put((None, error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if error is not None:
                raise error
            if batch is None:
                return
            yield batch
    finally:
        stopped.set()
        thread.join()


def feed(
    batches: Iterator[T],
    prepare: Callable[[T, Executor], B],
    config: AccelerationConfig,
    device: torch.device | str,
) -> Feed[B]:
    """Prepared batches on the device: pinned in the thread, copied while earlier work still runs.

    Args:
        batches: see `ahead`.
        prepare: a batch and the threads that may help.
        config: how far ahead, and how many such threads.
        device: pinning is left out where it isn't a GPU.
    """
    pins = torch.device(device).type == "cuda"

    def copied() -> Generator[B]:
        with ThreadPoolExecutor(config.readers, "reader") as pool:

            def pinned(batch: T) -> B:
                ready = prepare(batch, pool)
                return each_tensor(ready, Tensor.pin_memory) if pins else ready

            with closing(ahead(batches, pinned, config.prefetch)) as waiting:
                for batch in waiting:
                    yield each_tensor(batch, lambda t: t.to(device, non_blocking=True))

    return Feed(copied())


def each_tensor(tree: T, function: Callable[[Tensor], Tensor]) -> T:
    """A copy of nested dataclasses, dictionaries, lists and tuples, each tensor replaced."""
    if isinstance(tree, Tensor):
        return function(tree)  # type: ignore[return-value]
    if isinstance(tree, dict):
        return {key: each_tensor(value, function) for key, value in tree.items()}  # type: ignore[return-value]
    if isinstance(tree, list | tuple):
        return type(tree)(each_tensor(value, function) for value in tree)  # type: ignore[return-value]
    if is_dataclass(tree) and not isinstance(tree, type):
        return replace(
            tree,
            **{
                f.name: each_tensor(getattr(tree, f.name), function) for f in fields(tree) if f.init
            },
        )
    return tree
