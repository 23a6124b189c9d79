"""What goes along with a call from one process to the next: ids for logs, and the trace.

Ray Serve hands over arguments alone, so a call takes this as one more: see `calls.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from serving import tracing
from training.logs import bound, ids


@dataclass(frozen=True)
class Carried:
    """Of a request that is under way.

    Attributes:
        ids: that log lines say, such as `request_id`.
        trace: headers of W3C Trace Context; empty without a trace.
    """

    ids: Mapping[str, str] = field(default_factory=dict)
    trace: Mapping[str, str] = field(default_factory=dict)


def carried() -> Carried | None:
    """What belongs to the request of this task or thread; None if it is of none."""
    known, trace = ids(), tracing.injected()
    return Carried(known, trace) if known or trace else None


@contextmanager
def resumed(found: Carried | None, name: str) -> Iterator[None]:
    """Go on with what a caller sent, for the body of a `with`.

    Args:
        found: what came with the call.
        name: of the work, for the trace.
    """
    if found is None:
        yield
        return
    with bound(**found.ids), tracing.received(found.trace, name):
        yield
