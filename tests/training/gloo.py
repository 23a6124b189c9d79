"""Two processes that train together over gloo, started once for all tests that need them."""

import contextlib
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

WORLD = 2
_PATIENCE_S = 120.0


class Workers:
    """Calls a function on every worker at once.

    Args:
        pipes: to the workers, by rank.
    """

    def __init__(self, pipes: list[Connection]) -> None:
        self._pipes = pipes

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> list[Any]:
        """`function(*arguments)` on each worker; what each returned, by rank.

        Args:
            function: of a module, so that it can be found by name.
            arguments: and results must be picklable.
        """
        for pipe in self._pipes:
            pipe.send((function, arguments))
        results = []
        for rank, pipe in enumerate(self._pipes):
            assert pipe.poll(_PATIENCE_S), f"worker {rank} does not answer"
            failed, result = pipe.recv()
            assert not failed, f"worker {rank}: {result}"
            results.append(result)
        return results


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Workers]:
    """Two workers for the body of a `with`; `folder` is where they find each other."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for rank in range(WORLD):
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(rank, folder / "meet", theirs), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    try:
        yield Workers(pipes)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _work(rank: int, meet: Path, pipe: Connection) -> None:
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=WORLD)
    while True:
        function, arguments = pipe.recv()
        try:
            pipe.send((False, function(*arguments)))
        except BaseException:
            pipe.send((True, traceback.format_exc()))
