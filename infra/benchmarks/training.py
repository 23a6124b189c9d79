"""`make bench-training`: how fast training is, beside plain PyTorch and open_clip.

python -m infra.benchmarks.training OUT.json WORKDIR [reduced] [plain workers waiting cached …]

`reduced` takes small sizes, to see that it runs; its figures mean nothing.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.training_encoding import cached_against_encoding
from infra.benchmarks.training_open_clip import against_open_clip
from infra.benchmarks.training_page import write_training_page
from infra.benchmarks.training_speed import against_plain, two_workers, waits
from infra.benchmarks.training_world import FULL, REDUCED, Scale
from infra.cli.output import note
from infra.local import RayConfig, ray_session
from infra.quiet import quiet
from training.errors import CommonspaceError

Measure = Callable[[Path, Scale], list[Claim]]
"""Scratch folder and sizes to figures."""


def main(to: Path, scratch: Path, *only: str) -> int:
    """Measure everything, or `only` some of it, and write the figures; the exit code.

    Figures of other commands that are in the file stay.
    """
    measures: tuple[Measure, ...] = (plain, workers, waiting, cached, open_clip, memory)
    scale = REDUCED if "reduced" in only else FULL
    names = set(only) - {"reduced"}
    scratch = scratch.absolute()
    scratch.mkdir(parents=True, exist_ok=True)
    quiet()
    for measure in (each for each in measures if not names or each.__name__ in names):
        note(f"{measure.__name__}: {(measure.__doc__ or '').splitlines()[0]}")
        found = measure(scratch, scale)
        for line in lines(found):
            note(f"  {line}")
        write_claims(found, to, keep=True)
        write_training_page(to)
    note(f"load average: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    return 0


def plain(scratch: Path, scale: Scale) -> list[Claim]:
    """One Ray Train worker beside a bare PyTorch loop."""
    with ray_session(RayConfig()):
        return against_plain(scratch, scale)


def workers(scratch: Path, scale: Scale) -> list[Claim]:
    """Two workers beside one: heads alone, and with an image encoder."""
    with ray_session(RayConfig()):
        return two_workers(scratch, scale)


def waiting(scratch: Path, scale: Scale) -> list[Claim]:
    """How long training waits for its input."""
    with ray_session(RayConfig()):
        return waits(scratch, scale)


def cached(scratch: Path, scale: Scale) -> list[Claim]:
    """Cached features beside encoding on the fly."""
    with ray_session(RayConfig()):
        return cached_against_encoding(scratch, scale)


def open_clip(scratch: Path, scale: Scale) -> list[Claim]:
    """open_clip's own training loop on the same towers and pairs."""
    return against_open_clip(scale)


def memory(scratch: Path, scale: Scale) -> list[Claim]:
    """Peak memory of large batches."""
    if scale is REDUCED or importlib.util.find_spec("infra.benchmarks.batch_memory") is None:
        return []
    return importlib.import_module("infra.benchmarks.batch_memory").claims()


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
    except CommonspaceError as error:
        note(f"error: {error.message}")
        sys.exit(error.exit_code)
