"""What the training benchmark trains: sizes, examples with and without pictures, and a fit's speed.

Every process computes with one thread.
"""

import itertools
import os
import secrets
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.examples import Examples
    from training.fit import FitPlan

COMMAND = "make bench-training"
WIDTH = 512
"""Of features, as many as whitening keeps of the default encoders' by default."""
ENCODER = {
    "name": "timm/vit_tiny_patch16_224",
    "pretrained": False,
    "tuning": "full",
    "image_size": 64,
}
"""The image encoder that learns: 5.5 million weights, 16 patches a picture."""


@dataclass(frozen=True)
class Scale:
    """Sizes of a run.

    Attributes:
        posts: with features.
        people: who wrote them.
        pictures: posts with a picture.
        epochs: of each fit; the first is not counted.
        repetitions: of each side, in turns.
        batch: posts of a step, heads alone.
        pairs: image–text pairs for open_clip.
    """

    posts: int
    people: int
    pictures: int
    epochs: int
    repetitions: int
    batch: int
    pairs: int


FULL = Scale(posts=8192, people=512, pictures=1536, epochs=4, repetitions=2, batch=512, pairs=1024)
REDUCED = Scale(posts=1024, people=64, pictures=96, epochs=2, repetitions=1, batch=256, pairs=128)


def head_plan(scratch: Path, scale: Scale, batch: int, **acceleration: Any) -> "FitPlan":
    """Towers of default size on cached features."""
    return _plan(scratch / "heads", _examples(scale), batch, scale.epochs, acceleration)


def picture_plan(scratch: Path, scale: Scale, batch: int, **acceleration: Any) -> "FitPlan":
    """Towers and an image encoder that learns, on pictures of the shipped posts."""
    from training.data.clean import CleanData

    data = CleanData.open(pictures(scratch, scale.pictures))
    plan = _plan(
        scratch / "pictures", _pictured(data), batch, scale.epochs, acceleration, data=data.root
    )
    return replace(plan, encoders={"image": ENCODER})


def pictures(scratch: Path, count: int) -> Path:
    """Clean data of the first shipped posts that have picture and text."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from training.data.config import DataConfig, SplitConfig
    from training.data.prepare import prepare
    from training.data.sample import sample_path

    posts = pq.read_table(sample_path())
    both = pc.and_(pc.is_valid(posts["image"]), pc.is_valid(posts["text"]))  # pyright: ignore
    path = scratch / f"posts-{count}.parquet"
    pq.write_table(posts.filter(both).slice(0, count), path)
    return prepare(DataConfig(posts=str(path)), SplitConfig(), scratch).root


def fit_speeds(plan: "FitPlan", workers: int) -> tuple[list[float], list[dict[str, float]]]:
    """Train, and say how fast after the first epoch.

    Returns: posts per second of whole epochs (validation and checkpoint included), and each
        epoch's metrics.
    """
    from training import checkpoint
    from training.fit import METRICS, ScalingConfig, fit
    from training.tracking.metrics_log import read_metrics

    folder = plan.run_folder / f"run-{secrets.token_hex(4)}"
    with checkpoint.owned(folder) as token:
        fit(
            replace(plan, run_folder=folder, token=token),
            ScalingConfig(workers=workers, max_failures=0),
        )
    epochs = read_metrics(folder / METRICS)
    times = [epoch.time for epoch in epochs]
    trained = _trained(plan)
    whole = [trained / (end - start) for start, end in itertools.pairwise(times)]
    return whole, [epoch.metrics for epoch in epochs[1:]]


def speeds(metrics: Sequence[dict[str, float]]) -> list[float]:
    """Posts per second of the training steps."""
    return [each["train/samples_per_second"] for each in metrics]


def rate(values: Sequence[float]) -> str:
    """Median and range, for eyes."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):,.0f} posts/s ({low:,.0f} to {high:,.0f})"


def ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Of the medians."""
    return statistics.median(values) / statistics.median(others)


def load() -> str:
    """How busy the machine is, for the detail of a figure."""
    return f"load average {os.getloadavg()[0]:.1f}"


def _plan(
    folder: Path,
    examples: "Examples",
    batch: int,
    epochs: int,
    acceleration: dict[str, Any],
    data: Path | None = None,
) -> "FitPlan":
    from training.acceleration import AccelerationConfig
    from training.fit import FitPlan, save_inputs
    from training.loop import LoopConfig
    from training.model import ModelConfig
    from training.objective import LossesConfig

    loop = {"epochs": epochs, "batch_size": batch, "people": batch, "patience": epochs}
    loop["short_histories"] = 0  # histories are whole for everybody who is compared
    plan = FitPlan(
        run_folder=folder,
        examples_folder=folder / "examples",
        token="",
        space=ModelConfig().model_dump(mode="json"),
        losses=LossesConfig().model_dump(mode="json"),
        loop=LoopConfig.parse(loop).model_dump(mode="json"),
        acceleration=AccelerationConfig.parse(acceleration).model_dump(mode="json"),
        data_folder=data,
    )
    save_inputs(plan, examples)
    return plan


def _trained(plan: "FitPlan") -> int:
    from training.batches import BatchSampler
    from training.examples import Examples

    loop = plan.loop
    sampler = BatchSampler(
        Examples.load(plan.examples_folder),
        batch_size=loop["batch_size"],
        people=loop["people"],
        seed=0,
    )
    return sampler.samples()


def _examples(scale: Scale) -> "Examples":
    """Posts near their authors, whose image and text say the same in other words."""
    import torch

    from training.examples import assemble
    from training.modalities import PostFeatures

    generator = torch.Generator().manual_seed(0)
    author = torch.randint(0, scale.people, (scale.posts,), generator=generator)
    centres = torch.randn(scale.people, 32, generator=generator)
    hidden = centres[author] + 0.7 * torch.randn(scale.posts, 32, generator=generator)
    image, text = (hidden @ torch.randn(32, WIDTH, generator=generator) for _ in range(2))
    there = torch.ones(scale.posts, dtype=torch.bool)
    names = [f"person{number}" for number in author.tolist()]
    rows: dict[str, list[tuple[int, float]]] = {}
    for row, name in enumerate(names):
        rows.setdefault(name, []).append((row, 1.0))
    return assemble(
        PostFeatures(image, there, text, there.clone()),
        names,
        [f"text{row}" for row in range(scale.posts)],
        [f"image{row}" for row in range(scale.posts)],
        ["validation" if row % 16 == 0 else "train" for row in range(scale.posts)],
        rows,
    )


def _pictured(data: Any) -> "Examples":
    """The posts of clean data with random features; the encoder gives its own after an epoch."""
    import torch

    from training.encoders import EncoderConfig, build_image_encoder
    from training.examples import assemble
    from training.modalities import PostFeatures

    posts = data.posts(["user_id"])
    authors = posts["user_id"].to_pylist()
    count = len(authors)
    width = build_image_encoder(EncoderConfig.parse(ENCODER)).dimension
    generator = torch.Generator().manual_seed(0)
    there = torch.ones(count, dtype=torch.bool)
    rows: dict[str, list[tuple[int, float]]] = {}
    for row, name in enumerate(authors):
        rows.setdefault(name, []).append((row, 1.0))
    return assemble(
        PostFeatures(
            torch.randn(count, width, generator=generator),
            there,
            torch.randn(count, 64, generator=generator),
            there.clone(),
        ),
        authors,
        [f"text{row}" for row in range(count)],
        [f"image{row}" for row in range(count)],
        ["validation" if row % 8 == 0 else "train" for row in range(count)],
        rows,
    )
