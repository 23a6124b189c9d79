"""Commands in a process of their own that a test may interrupt."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def interruptible(command: Sequence[object]) -> Iterator[subprocess.Popen[str]]:
    """A process that minds Ctrl-C, whatever this one was started by; gone when the `with` ends.

    What a shell starts in the background ignores Ctrl-C, and so do its children.
    """
    with subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        try:
            yield process
        finally:
            process.kill()
