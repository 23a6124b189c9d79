"""Our training beside a bare loop, two workers beside one, and how long it waits for batches."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from infra.benchmarks.claims import Claim
from infra.benchmarks.training_world import (
    COMMAND,
    Scale,
    fit_speeds,
    head_plan,
    load,
    picture_plan,
    rate,
    ratio,
    speeds,
)
from training.errors import TrainingFailed

if TYPE_CHECKING:
    from training.fit import FitPlan

_WAIT = "<= 0.05"
_SCALED = 4
"""Global batches of this many times the usual are shared out between workers."""


def against_plain(scratch: Path, scale: Scale) -> list[Claim]:
    """Steady posts per second of the training steps, in turns with a bare loop."""
    plan = head_plan(scratch, scale, scale.batch)
    ours, theirs, whole = [], [], []
    for _ in range(scale.repetitions):
        epochs, metrics = fit_speeds(plan, workers=1)
        ours += speeds(metrics)
        whole += epochs
        theirs += _plain_speeds(plan)
    return [
        Claim(
            "loop: training steps of a Ray Train worker to those of a bare PyTorch loop, posts/s",
            ratio(ours, theirs),
            ">= 0.95",
            COMMAND,
            f"one worker of one thread, heads on cached features, batches of {scale.batch}; ours "
            f"{rate(ours)}, with its moving average of the weights, and {rate(whole)} with "
            f"validation and checkpoints; bare {rate(theirs)}; {load()}",
        )
    ]


def two_workers(scratch: Path, scale: Scale) -> list[Claim]:
    """The same global batches on one worker and on two, in turns; nothing is prefetched.

    So a worker is one thread, and each step's result is the same for both.
    """
    batch = _SCALED * scale.batch
    heads = head_plan(scratch, scale, batch, prefetch=0)
    most = _most(head_plan(scratch, scale, batch // 2))
    found = [
        _scaling("heads on cached features", heads, batch, scale, ">= 1.8"),
        Claim(
            "workers: of two bare loops that share nothing, side by side, to one alone, posts/s",
            most,
            ">= 1.8",
            COMMAND,
            f"batches of {batch // 2} each: what a second processor is worth here, and no two "
            f"workers come to more; {load()}",
        ),
    ]
    batch = _SCALED * scale.batch // 8
    encoder = picture_plan(scratch, scale, batch, prefetch=0)
    found.append(_scaling("an image encoder that learns", encoder, batch, scale, ">= 1.7"))
    return found


def waits(scratch: Path, scale: Scale) -> list[Claim]:
    """Share of the training steps spent on waiting for a batch, one batch made ahead."""
    claims = []
    kinds: tuple[tuple[str, Callable[[], FitPlan]], ...] = (
        ("heads on cached features", lambda: head_plan(scratch, scale, scale.batch)),
        ("an image encoder that learns", lambda: picture_plan(scratch, scale, scale.batch // 4)),
    )
    for name, plan in kinds:
        made = plan()
        _, metrics = fit_speeds(made, workers=1)
        share = statistics.median(each["train/data_wait_share"] for each in metrics)
        alone = _input_speed(made)
        claims.append(
            Claim(
                f"waiting: data wait as a share of the step, {name}",
                share,
                _WAIT,
                COMMAND,
                f"input alone {alone:,.0f} posts/s, training {rate(speeds(metrics))}; {load()}",
            )
        )
    return claims


def _scaling(what: str, plan: "FitPlan", batch: int, scale: Scale, target: str) -> Claim:
    one, two, whole_one, whole_two = [], [], [], []
    for _ in range(scale.repetitions):
        for workers, steps, whole in ((1, one, whole_one), (2, two, whole_two)):
            epochs, metrics = fit_speeds(plan, workers)
            steps += speeds(metrics)
            whole += epochs
    return Claim(
        f"workers: two to one, {what}, posts/s of the training steps",
        ratio(two, one),
        target,
        COMMAND,
        f"the same global batches of {batch}, one thread a worker; two {rate(two)}, one "
        f"{rate(one)}; with validation and checkpoints {ratio(whole_two, whole_one):.2f}; {load()}",
    )


def _most(plan: "FitPlan") -> float:
    alone = statistics.median(_plain_speeds(plan))
    with ThreadPoolExecutor(2) as both:
        speeds = both.map(_plain_speeds, (plan, plan))
        return sum(statistics.median(each) for each in speeds) / alone


def _plain_speeds(plan: "FitPlan") -> list[float]:
    """The bare loop in a process of its own, without its first epoch."""
    path = plan.run_folder / "plan.json"
    path.write_text(json.dumps(asdict(plan), default=str), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "infra.benchmarks.training_plain", str(path)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise TrainingFailed(f"the bare loop ended with: {done.stderr.strip()[-500:]}")
    return [float(line) for line in done.stdout.split()][1:]


def _input_speed(plan: "FitPlan") -> float:
    """Posts per second of an epoch's batches, made and thrown away."""
    import time

    import torch

    from training.acceleration import AccelerationConfig
    from training.acceleration.prefetching import feed
    from training.batches import BatchSampler
    from training.examples import Examples
    from training.fit import build_objective

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        examples = Examples.load(plan.examples_folder)
        objective = build_objective(plan, examples)
        loop = plan.loop
        sampler = BatchSampler(
            examples, batch_size=loop["batch_size"], people=loop["people"], seed=0
        )
        begun = time.perf_counter()
        for _ in feed(sampler.epoch(0), objective.read, AccelerationConfig(), "cpu"):
            pass
        return sampler.samples() / (time.perf_counter() - begun)
    finally:
        torch.set_num_threads(threads)
