"""Two real Ray Train workers: gradients, falling loss, and what survives a SIGKILL."""

import contextlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.training.synthetic import small_examples
from training import checkpoint, loop
from training.batches import BatchSampler
from training.errors import TrainingFailed
from training.fit import METRICS, FitPlan, ScalingConfig, build_objective, fit, save_inputs
from training.model import ModelConfig
from training.objective import LossesConfig
from training.tracking.metrics_log import read_metrics

PINNED = {"cpus_per_worker": 0.5}


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


def test_two_workers_have_the_gradient_of_one(ray_session, tmp_path):
    """Negatives come from both, with any pairs, and nobody waits for what nothing pulls on."""
    plans = {name: plan_for(tmp_path / name, "x", shape) for name, shape in SHAPES.items()}

    def worker(config):
        import ray.train
        from safetensors.torch import save_file

        from tests.training.test_fit import gradients
        from training.loop import parallel

        rank = ray.train.get_context().get_world_rank()
        for plan in config["plans"]:
            torch.manual_seed(0)
            found = gradients(plan, rank, 2, parallel)
            save_file(found, plan.run_folder / f"gradient-{rank}.safetensors")
        ray.train.report({})

    from ray.train import RunConfig
    from ray.train import ScalingConfig as RayScaling
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        worker,
        train_loop_config={"plans": list(plans.values())},
        scaling_config=RayScaling(num_workers=2, resources_per_worker={"CPU": 0.5}),
        run_config=RunConfig(name="gradient", storage_path=str(tmp_path / "ray")),
    ).fit()
    for shape, plan in plans.items():
        alone = gradients(plan)
        for rank in range(2):
            together = load_file(plan.run_folder / f"gradient-{rank}.safetensors")
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


def test_a_killed_worker_costs_nothing(ray_session, tmp_path):
    """SIGKILL of one worker in the middle: the run ends as if undisturbed."""
    calm, shaken = tmp_path / "calm", tmp_path / "shaken"
    with checkpoint.owned(calm) as token:
        calm_end = fit(plan_for(calm, token, epochs=6), ScalingConfig(**PINNED))
    with checkpoint.owned(shaken) as token:
        plan = plan_for(shaken, token, epochs=6)
        killer = threading.Thread(target=kill_one_worker, args=(shaken,), daemon=True)
        killer.start()
        shaken_end = fit(plan, ScalingConfig(**PINNED))
        killer.join(timeout=5)
    assert (shaken / "killed").exists()
    calm_weights = load_file(calm_end / "model.safetensors")
    for name, weight in load_file(shaken_end / "model.safetensors").items():
        torch.testing.assert_close(weight, calm_weights[name], rtol=0, atol=1e-6)
    calm_metrics, metrics = (read_metrics(folder / METRICS) for folder in (calm, shaken))
    assert [line.epoch for line in metrics] == [1, 2, 3, 4, 5, 6]
    assert metrics[-1].metrics == pytest.approx(calm_metrics[-1].metrics)
    assert metrics[-1].metrics["loss/user_text"] < metrics[0].metrics["loss/user_text"]


def kill_one_worker(folder: Path) -> None:
    """SIGKILL the first training worker below this process once two epochs are done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if len(read_metrics(folder / METRICS)) >= 2:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it may end while it is looked at
                    if "RayTrainWorker" in " ".join(process.cmdline()):
                        process.kill()
                        (folder / "killed").touch()
                        return
        time.sleep(0.01)


def test_a_run_with_a_new_driver_locks_old_workers_out(ray_session, tmp_path):
    with checkpoint.owned(tmp_path):
        plan = plan_for(tmp_path, token="of-a-dead-driver")
        with pytest.raises(TrainingFailed, match="new driver"):
            fit(plan, ScalingConfig(max_failures=0, **PINNED))
    assert checkpoint.latest(tmp_path / "checkpoints") is None
