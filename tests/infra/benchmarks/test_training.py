"""The training benchmark's two sides learn from the same posts."""

import json
from dataclasses import asdict

import pytest
import torch

from infra.benchmarks.training_plain import train
from infra.benchmarks.training_world import Scale, head_plan, ratio
from training import loop
from training.acceleration import AccelerationConfig
from training.examples import Examples
from training.fit import build_objective

TINY = Scale(posts=96, people=12, pictures=0, epochs=2, repetitions=1, batch=32, pairs=0)


@pytest.fixture
def one_thread():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_the_bare_loop_and_ours_run_the_same_plan(tmp_path, capsys, one_thread):
    plan = head_plan(tmp_path, TINY, TINY.batch)
    train(json.loads(json.dumps(asdict(plan), default=str)))
    bare = [float(line) for line in capsys.readouterr().out.split()]
    examples = Examples.load(plan.examples_folder)
    assert len(examples.rows("train")) == 90
    lines: list[dict[str, float]] = []
    settings = loop.LoopConfig.parse(plan.loop)
    acceleration = AccelerationConfig.parse(plan.acceleration)
    state = loop.begin(build_objective(plan, examples), settings, acceleration)
    loop.run(state, examples, settings, lambda line, _: lines.append(line), acceleration)
    ours = [line["train/samples_per_second"] for line in lines]
    assert len(bare) == len(ours) == TINY.epochs
    assert min(bare) > 0 and min(ours) > 0
    assert settings.short_histories == 0  # the bare loop cuts none either


def test_a_ratio_is_of_medians():
    assert ratio([1.0, 30.0, 2.0], [4.0, 4.0, 100.0]) == 0.5
