"""`python -m infra.benchmarks.batch_memory`: peak memory of one training step, batch by batch.

Each step runs in a process of its own. What counts is how far its resident memory rises above what
it was right before the step: a first, small step has loaded every library by then, and the
allocator is told to give freed tensors back to the system at once.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.training_page import write_training_page
from infra.cli.output import note
from training.errors import TrainingFailed

if TYPE_CHECKING:
    from training.batches import Batch
    from training.objective import Objective

COMMAND = "python -m infra.benchmarks.batch_memory"
_BATCHES = (1_024, 4_096, 16_384)
_CHUNK = 512
_WARM = 64
"""Posts of the first, small step."""
_PICTURES, _PICTURE_ROWS, _PIXELS = 256, 32, 64
_FEATURES = 64
_ALONE = {
    "MALLOC_MMAP_THRESHOLD_": "65536",  # freed tensors go back to the system at once
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "OMP_NUM_THREADS": "1",
}
"""Environment of a measured process."""


@dataclass(frozen=True)
class Step:
    """One step to be measured.

    Attributes:
        posts: of the gathered batch, all on one worker; a quarter as many people.
        chunk: `losses.chunk`.
        cache_rows: `loop.cache_rows`.
        pictures: whether an image encoder is trained too.
    """

    posts: int
    chunk: int = 0
    cache_rows: int = 0
    pictures: bool = False


def claims() -> list[Claim]:
    """Chunked against plain, and cached against plain, beside their targets; some minutes."""
    return [*_chunked(), *_cached()]


def _chunked() -> Iterator[Claim]:
    """The plain loss of the largest batch isn't run: it needs more memory than most machines."""
    found = {posts: measure(Step(posts, chunk=_CHUNK)) for posts in _BATCHES}
    small, middle, large = _BATCHES
    plain = {posts: measure(Step(posts)) for posts in (small, middle)}
    sizes = ", ".join(f"{posts:,}: {_mb(found[posts])}" for posts in _BATCHES)
    yield Claim(
        f"memory: peak of a step with chunked loss, {large:,} posts to {middle:,}",
        found[large] / found[middle],
        "<= 5",
        COMMAND,
        f"chunks of {_CHUNK} rows; {sizes}",
    )
    grown = plain[middle] / plain[small]
    yield Claim(
        f"memory: the same with plain loss, {middle:,} posts to {small:,}: why there are chunks",
        grown,
        "> 5",
        COMMAND,
        f"{small:,}: {_mb(plain[small])}, {middle:,}: {_mb(plain[middle])}; {large:,} isn't run",
    )
    yield Claim(
        f"memory: peak with chunked loss to plain loss, {middle:,} posts",
        found[middle] / plain[middle],
        "<= 0.3",
        COMMAND,
    )


def _cached() -> Iterator[Claim]:
    plain = measure(Step(_PICTURES, pictures=True))
    cached = measure(Step(_PICTURES, cache_rows=_PICTURE_ROWS, pictures=True))
    yield Claim(
        f"memory: peak with a trained image encoder, cached gradients to plain, {_PICTURES} posts",
        cached / plain,
        "<= 0.4",
        COMMAND,
        f"ResNet-10 of {_PIXELS} pixels, {_PICTURE_ROWS} rows at once: "
        f"{_mb(cached)} against {_mb(plain)}",
    )


def measure(step: Step) -> int:
    """Bytes by which a step's memory peaks above what was there before.

    Raises: TrainingFailed if its process ended without an answer (it may have been out of memory).
    """
    ended = subprocess.run(
        [sys.executable, "-m", "infra.benchmarks.batch_memory", "step", json.dumps(asdict(step))],
        env=os.environ | _ALONE,
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise TrainingFailed(
            f"a step of {step.posts} posts ended with {ended.returncode}: {ended.stderr[-500:]}",
            hint="if the machine ran out of memory, free some and measure again",
        )
    return int(ended.stdout.split()[-1])


def run(step: Step) -> int:
    """Take a small step, then the step, in this process; see `measure`. Linux only."""
    import torch

    from training import loop

    torch.manual_seed(0)
    objective = _objective(step)
    state = loop.begin(objective, loop.LoopConfig())
    for posts in (_WARM, step.posts):
        batch = _batch(posts, objective.space.image_features)
        before = _begin_peak()
        _backward(objective, batch, step.cache_rows)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.stepped(0.98)
    return _memory("VmHWM") - before


def _backward(objective: "Objective", batch: "Batch", cache_rows: int) -> None:
    from contextlib import nullcontext

    from training.gradient_cache import cached_backward

    if not cache_rows:
        objective(batch)[0].backward()
        return
    cached_backward(
        objective,
        objective,
        batch,
        rows=cache_rows,
        scale=1.0,
        synchronised=lambda _: nullcontext(),
    )


def _objective(step: Step) -> "Objective":
    from training.encoders import EncoderConfig, build_image_encoder
    from training.model import JointSpace, ModelConfig
    from training.objective import LossesConfig, Objective

    encoders = {}
    if step.pictures:
        config = {
            "name": "timm/resnet10t",
            "pretrained": False,
            "tuning": "full",
            "image_size": _PIXELS,
        }
        encoders["image"] = build_image_encoder(EncoderConfig.parse(config))
    space = JointSpace(
        ModelConfig(dimension=192, meaning=_FEATURES),
        users=max(_BATCHES) // 4,
        image_features=encoders["image"].dimension if encoders else _FEATURES,
        text_features=_FEATURES,
    )
    losses = LossesConfig(chunk=step.chunk)
    content = _Noise() if encoders else None
    return Objective(space, losses, encoders, content).train()  # type: ignore[arg-type]


class _Noise:
    """Pictures of posts by row."""

    def of(self, modality: str, rows: list[int]) -> list[bytes]:
        import io

        import numpy as np
        from PIL import Image

        def picture(row: int) -> bytes:
            shape = (_PIXELS, _PIXELS, 3)
            pixels = np.random.default_rng(row).integers(0, 255, shape, np.uint8)
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "png", compress_level=0)
            return data.getvalue()

        return [picture(row) for row in rows]


def _batch(posts: int, image_features: int) -> "Batch":
    """Posts of which a tenth lacks an image and a tenth a text, by a quarter as many people."""
    import torch

    from training.batches import Batch
    from training.examples import PostKeys
    from training.modalities import History, PostFeatures

    people = max(1, posts // 4)
    row = torch.arange(posts)
    whose = torch.arange(people)
    features_of = PostFeatures(
        torch.randn(posts, image_features),
        row % 10 != 3,
        torch.randn(posts, _FEATURES),
        row % 10 != 7,
    )
    return Batch(
        posts=features_of,
        keys=PostKeys(row, row % people, row, row),
        people=whose,
        history=History(features_of, row % people, torch.ones(posts), people),
        most_posts=posts,
        most_people=people,
    )


def _begin_peak() -> int:
    """Resident bytes now; the peak is counted from here."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise TrainingFailed("this system does not say how much memory a process has")


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def main(to: Path | None = None) -> int:
    """Measure, print, and write beside the figures that are there already; the exit code."""
    found = claims()
    for line in lines(found):
        note(line)
    if to is not None:
        write_claims(found, to, keep=True)
        write_training_page(to)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["step"]:
        print(run(Step(**json.loads(sys.argv[2]))))
    else:
        sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else None))
