"""Python, processors, memory and disk of the machine that it runs on."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.checks.check import Check, Status
from infra.local import MEGABYTE, RayConfig, usable_cpus

SHARED_MEMORY = Path("/dev/shm")
NEEDED_MEMORY, NEEDED_DISK = 6_000, 5_000  # MB; the demo's needs


def look(workspace: Path, ray: RayConfig) -> Iterator[Check]:
    """All checks of the machine."""
    yield _python()
    yield _processors()
    yield from _accelerators()
    yield _memory()
    yield from _shared_memory(ray)
    yield _disk(workspace)


def _python() -> Check:
    return Check("python", "python", Status.OK, f"{platform.python_version()} in {sys.prefix}")


def _processors() -> Check:
    count = len(usable_cpus())
    found = f"{count} of {os.cpu_count()} usable, {platform.machine()}"
    if count < 2:
        hint = "a training's two workers share one CPU; set scaling.workers=1"
        return Check("device", "cpu", Status.WARN, found, hint)
    return Check("device", "cpu", Status.OK, found)


def _accelerators() -> Iterator[Check]:
    """CUDA and Apple's MPS; having none is fine, a driver that is too old for torch is not."""
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Check("device", "torch", Status.FAIL, f"does not load: {error}")
        return
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        facts = torch.cuda.get_device_properties(number)
        memory = f"{facts.total_memory / 1e9:.0f} GB"
        yield Check("device", f"cuda:{number}", Status.OK, f"{facts.name}, {memory}")
    if torch.backends.mps.is_available():
        yield Check("device", "mps", Status.OK, "Apple GPU")
    if not torch.cuda.is_available() and Path("/dev/nvidiactl").exists():
        yield Check(
            "device",
            "cuda",
            Status.WARN,
            f"there is an NVIDIA driver that torch {torch.__version__} can't use",
            f"this torch was built for CUDA {torch.version.cuda}; update the driver",
        )


def _memory() -> Check:
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // MEGABYTE
    limit = _container_limit()
    if limit is not None:
        megabytes = min(megabytes, limit)
    found = f"{megabytes / 1000:.1f} GB"
    if megabytes < NEEDED_MEMORY * 0.9:
        hint = f"the demo needs about {NEEDED_MEMORY / 1000:.0f} GB"
        return Check("memory", "memory", Status.WARN, found, hint)
    return Check("memory", "memory", Status.OK, found)


def _container_limit() -> int | None:
    """MB that the control group allows; None if there is no limit or no such thing."""
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(limit) // MEGABYTE if limit.isdigit() else None


def _shared_memory(ray: RayConfig) -> Iterator[Check]:
    """Ray keeps its objects in /dev/shm, which a container makes small unless told otherwise."""
    if not SHARED_MEMORY.is_dir():
        return
    free = shutil.disk_usage(SHARED_MEMORY).free // MEGABYTE
    if free < ray.object_store_mb:
        yield Check(
            "memory",
            "/dev/shm",
            Status.WARN,
            f"{free} MB free, Ray's object store takes {ray.object_store_mb}",
            "start the container with --shm-size=1g, or set ray.object_store_mb lower",
        )
    else:
        yield Check("memory", "/dev/shm", Status.OK, f"{free} MB free")


def _disk(workspace: Path) -> Check:
    place = workspace.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        hint = "choose another with --workspace"
        return Check("disk", "workspace", Status.FAIL, f"{place} can't be written", hint)
    free = shutil.disk_usage(place).free // MEGABYTE
    found = f"{free / 1000:.0f} GB free at {place}"
    if free < NEEDED_DISK:
        return Check("disk", "workspace", Status.WARN, found, "features and models need some GB")
    return Check("disk", "workspace", Status.OK, found)
