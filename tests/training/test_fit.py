"""Two real Ray Train workers: gradients, falling loss, and what survives a SIGKILL."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.synthetic import small_examples
from training import checkpoint, loop
from training.batches import BatchSampler
from training.errors import BadConfig, TrainingFailed
from training.faults import read_faults
from training.fit import (
    METRICS,
    FitPlan,
    ScalingConfig,
    _trainer,
    build_objective,
    fit,
    patience,
    save_inputs,
)
from training.model import ModelConfig
from training.objective import LossesConfig
from training.tracking.metrics_log import read_metrics

PINNED = {"cpus_per_worker": 0.5}
LONG = {"epochs": 30, "patience": 30}


SHAPES: dict[str, dict] = {
    "private": {},
    "shared": {"layout": "shared"},
    "no meaning": {"meaning": 0},
    "images of people": {"pairs": ["user_image"]},
    "no authors": {"pairs": ["image_text"]},
    "no texts of people": {"pairs": ["user_image", "image_text"]},
    "no texts of people, shared": {"layout": "shared", "pairs": ["user_image", "image_text"]},
}
"""Models whose projections are all trained, and models that leave some alone."""


def plan_for(folder: Path, token: str = "", shape: dict | None = None, **settings) -> FitPlan:
    examples = small_examples(people=9)
    still = {
        "dropout": 0.0,
        "input_dropout": 0.0,
        "user": {"id_dropout": 0.0},
    }  # the same numbers on any worker
    plan = FitPlan(
        run_folder=folder,
        examples_folder=folder / "examples",
        token=token or checkpoint.owner(folder),
        space=ModelConfig.parse(
            {"dimension": 24, "hidden": 16, **still, **(shape or {})}
        ).model_dump(mode="json"),
        losses=LossesConfig().model_dump(mode="json"),
        loop=loop.LoopConfig.parse(
            {"epochs": 3, "batch_size": 21, "people": 7, **settings}
        ).model_dump(),
    )
    save_inputs(plan, examples)
    return plan


def gradients(plan: FitPlan, rank: int = 0, world: int = 1, wrap=None) -> dict[str, torch.Tensor]:
    from training.examples import Examples

    examples = Examples.load(plan.examples_folder)
    objective = build_objective(plan, examples)
    model = wrap(objective) if wrap else objective
    sampler = BatchSampler(examples, batch_size=21, people=7, seed=0, rank=rank, world=world)
    sampler.examples = replace(examples, features=objective.inputs(examples.features))
    loss, _ = model(next(sampler.epoch(0)))
    loss.backward()
    return {n: p.grad for n, p in objective.named_parameters() if p.grad is not None}


@pytest.fixture(scope="module", autouse=True)
def looked_after_often():
    """The controller looks for dead workers four times a second, so that no test waits for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.25")
        yield


@pytest.fixture(scope="module")
def pair(ray_session, tmp_path_factory) -> Path:
    """What one pair of workers left: gradients of each shape, and an undisturbed run `calm`."""
    root = tmp_path_factory.mktemp("pair")
    plans = {name: plan_for(root / name, "x", shape) for name, shape in SHAPES.items()}
    calm = root / "calm"

    def worker(config):
        import ray.train
        from safetensors.torch import save_file

        from tests.training.test_fit import gradients
        from training.fit import _train
        from training.step import parallel

        rank = ray.train.get_context().get_world_rank()
        for plan in config["plans"]:
            torch.manual_seed(0)
            found = gradients(plan, rank, 2, parallel)
            save_file(found, plan.run_folder / f"gradient-{rank}.safetensors")
        _train(config["calm"], ScalingConfig())

    from ray.train import RunConfig
    from ray.train import ScalingConfig as RayScaling
    from ray.train.torch import TorchTrainer

    with checkpoint.owned(calm) as token:
        TorchTrainer(
            worker,
            train_loop_config={
                "plans": list(plans.values()),
                "calm": plan_for(calm, token, **LONG),
            },
            scaling_config=RayScaling(num_workers=2, resources_per_worker={"CPU": 0.5}),
            run_config=RunConfig(name="pair", storage_path=str(root / "ray")),
        ).fit()
    return root


def test_two_workers_have_the_gradient_of_one(pair):
    """Negatives come from both, with any pairs, and nobody waits for what nothing pulls on."""
    for shape in SHAPES:
        alone = gradients(plan_for(pair / shape, "x", SHAPES[shape]))
        for rank in range(2):
            together = load_file(pair / shape / f"gradient-{rank}.safetensors")
            assert set(together) == set(alone), shape
            for name, gradient in alone.items():
                torch.testing.assert_close(
                    together[name], gradient, rtol=1e-4, atol=1e-5, msg=f"{shape}: {name}"
                )


def test_workers_begin_with_what_the_driver_fitted(tmp_path):
    plan = plan_for(tmp_path, token="x")
    examples = small_examples(people=9)
    first, second = (build_objective(plan, examples).space for _ in range(2))
    for name, tensor in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], tensor, rtol=0, atol=0, msg=name)
    assert first.meaning is not None
    width = len(first.meaning.scale)
    torch.testing.assert_close(first.meaning.scale, first.whiten_text.deviations[:width])
    assert not torch.allclose(first.meaning.scale, torch.ones(width))


def test_a_killed_worker_costs_nothing(pair, ray_session, tmp_path):
    """SIGKILL of one worker in the middle: the run ends as if undisturbed."""
    said: list[str] = []
    with checkpoint.owned(tmp_path) as token:
        plan = plan_for(tmp_path, token, **LONG)
        killer = threading.Thread(target=kill_one_worker, args=(tmp_path,), daemon=True)
        killer.start()
        end = fit(plan, ScalingConfig(**PINNED), said.append)
        killer.join(timeout=5)
    first, second = read_faults(tmp_path)
    assert (first.kind, first.facts["epoch"], first.facts["workers"]) == ("started", 0, 2)
    assert second.kind == "started"
    assert second.facts["room"] != first.facts["room"] != ""
    # at least where the last checkpoint was: killed after an epoch's metrics, it may lack this one
    assert 1 <= second.facts["epoch"] < LONG["epochs"]
    assert said == [first.text, second.text]
    calm = checkpoint.latest(pair / "calm" / "checkpoints")
    assert calm is not None
    calm_weights = load_file(calm / "model.safetensors")
    for name, weight in load_file(end / "model.safetensors").items():
        torch.testing.assert_close(weight, calm_weights[name], rtol=0, atol=1e-6)
    calm_metrics, metrics = (read_metrics(folder / METRICS) for folder in (pair / "calm", tmp_path))
    assert [line.epoch for line in metrics] == list(range(1, LONG["epochs"] + 1))
    learned = {n: v for n, v in calm_metrics[-1].metrics.items() if not n.startswith("train/")}
    assert {n: metrics[-1].metrics[n] for n in learned} == pytest.approx(learned)
    assert metrics[-1].metrics["loss/user_text"] < metrics[0].metrics["loss/user_text"]


def test_only_an_elastic_run_soon_stops_waiting_for_a_node_that_is_gone(monkeypatch):
    from ray.train.v2._internal.constants import WORKER_GROUP_START_TIMEOUT_S_ENV_VAR as NAME
    from ray.train.v2._internal.constants import get_env_vars_to_propagate

    monkeypatch.delenv(NAME, raising=False)
    with patience(ScalingConfig(workers=2)):
        assert NAME not in os.environ
    with patience(ScalingConfig(workers=2, least_workers=1)):
        assert get_env_vars_to_propagate()[NAME] == "20"
    assert NAME not in os.environ
    monkeypatch.setenv(NAME, "300")
    with patience(ScalingConfig(workers=2, least_workers=1)):
        assert os.environ[NAME] == "300"


def kill_one_worker(folder: Path) -> None:
    """SIGKILL worker 0 once two epochs are done."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if len(read_metrics(folder / METRICS)) >= 2:
            os.kill(read_faults(folder)[0].facts["pid"], signal.SIGKILL)
            return
        time.sleep(0.002)


def test_a_run_with_a_new_driver_locks_old_workers_out(ray_session, tmp_path):
    with checkpoint.owned(tmp_path):
        plan = plan_for(tmp_path, token="of-a-dead-driver")
        with pytest.raises(TrainingFailed, match="new driver"):
            fit(plan, ScalingConfig(workers=1, **PINNED))
    assert checkpoint.latest(tmp_path / "checkpoints") is None
    assert not read_faults(tmp_path)


def test_scaling_reaches_ray(tmp_path):
    with checkpoint.owned(tmp_path) as token:
        plan = plan_for(tmp_path, token)
        settings = {"max_failures": 3, "controller_failures": 2, "resize_after_s": 5}
        elastic = _trainer(plan, ScalingConfig(workers=4, least_workers=2, **settings))
        fixed = _trainer(plan, ScalingConfig(workers=4, preemptions=1))
    assert elastic.scaling_config.num_workers == (2, 4)
    assert elastic.scaling_config.elastic_resize_monitor_interval_s == 5
    failures = elastic.run_config.failure_config
    assert (failures.max_failures, failures.controller_failure_limit) == (3, 6)  # 20 s each
    assert failures.max_preemption_failures == -1  # any number
    assert fixed.scaling_config.num_workers == 4
    assert fixed.run_config.failure_config.max_preemption_failures == 1
    assert fixed.run_config.failure_config.controller_failure_limit == 8


def test_more_workers_at_least_than_at_most_are_refused():
    with pytest.raises(BadConfig, match="least_workers must be at most workers, 2"):
        ScalingConfig.parse({"workers": 2, "least_workers": 3})
