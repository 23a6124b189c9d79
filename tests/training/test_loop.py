import contextlib

import pytest
import torch

from tests.training.synthetic import learned, small_examples
from training import checkpoint, loop
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective
from training.step import schedule


def objective(examples, seed=0) -> Objective:
    torch.manual_seed(seed)
    space = JointSpace(
        ModelConfig(dimension=24, hidden=16),
        users=len(examples.users),
        image_features=12,
        text_features=10,
    )
    return Objective(space, LossesConfig())


def train(examples, config, stop_after=None, start=None, folder=None, stop_at=None):
    """Run the loop in this process; stop like a crash after an epoch, or at a step within one.

    Returns: the state, and each epoch's metrics but for those of the clock.
    """
    history = []
    state = start or loop.begin(objective(examples), config)

    def report(metrics, state):
        if metrics:
            history.append({n: v for n, v in metrics.items() if not n.startswith("train/")})
        if folder is not None:
            checkpoint.save(folder, state)
        if stop_after == state.progress.epoch or stop_at == state.progress.step:
            raise InterruptedError

    with contextlib.suppress(InterruptedError):
        loop.run(state, examples, config, report)
    return state, history


def test_the_loss_falls_and_held_out_retrieval_rises():
    config = loop.LoopConfig(epochs=30, batch_size=16, learning_rate=3e-3, patience=30)
    _, history = train(small_examples(), config)
    assert history[-1]["loss/user_text"] < 0.8 * history[0]["loss/user_text"]
    assert max(h["validation/score"] for h in history) > history[0]["validation/score"]


def test_two_runs_are_equal():
    config = loop.LoopConfig(epochs=2, batch_size=16)
    first, second = (train(small_examples(), config)[0] for _ in range(2))
    for name, weight in first.objective.state_dict().items():
        torch.testing.assert_close(weight, second.objective.state_dict()[name], rtol=0, atol=0)


def test_four_epochs_equal_two_a_crash_and_two(tmp_path):
    examples = small_examples()
    config = loop.LoopConfig(epochs=4, batch_size=16)
    straight, _ = train(examples, config)
    train(examples, config, stop_after=2, folder=tmp_path)
    resumed = loop.begin(objective(examples, seed=99), config)
    checkpoint.load(tmp_path, resumed)
    assert resumed.progress.epoch == 2
    resumed, _ = train(examples, config, start=resumed)
    assert resumed.progress == straight.progress
    for name, weight in straight.objective.state_dict().items():
        torch.testing.assert_close(weight, resumed.objective.state_dict()[name], rtol=0, atol=1e-6)
        torch.testing.assert_close(straight.best[name], resumed.best[name], rtol=0, atol=1e-6)


def test_a_crash_within_an_epoch_costs_nothing(tmp_path):
    """Weights, moments, averages, and the epoch's losses are those of an undisturbed run."""
    examples = small_examples(people=9)
    for accumulate, step in ((1, 11), (2, 6)):
        config = loop.LoopConfig(
            epochs=2, batch_size=8, checkpoint_steps=2, accumulate=accumulate, average=0.9
        )
        straight, calm = train(examples, config)
        folder = tmp_path / str(accumulate)
        train(examples, config, folder=folder, stop_at=step)
        resumed = loop.begin(objective(examples, seed=99), config)
        checkpoint.load(folder, resumed)
        assert resumed.progress.batch > 0
        assert resumed.progress.losses
        resumed, history = train(examples, config, start=resumed)
        assert resumed.progress == straight.progress
        assert [*map(learned, history)] == [*map(learned, calm[-len(history) :])]
        for name, weight in straight.objective.state_dict().items():
            torch.testing.assert_close(
                weight, resumed.objective.state_dict()[name], rtol=0, atol=1e-7
            )
            torch.testing.assert_close(straight.best[name], resumed.best[name], rtol=0, atol=1e-7)


def test_checkpoints_within_an_epoch_never_fall_between_batch_and_step():
    config = loop.LoopConfig(epochs=2, batch_size=8, checkpoint_steps=1, accumulate=2)
    state = loop.begin(objective(small_examples()), config)
    seen = []
    loop.run(
        state,
        small_examples(),
        config,
        lambda metrics, state: seen.append((state.progress.epoch, state.progress.batch)),
    )
    # four batches: two steps of two, and no checkpoint but the end's after the last
    assert seen == [(0, 2), (1, 0), (1, 2), (2, 0)]


def test_training_stops_when_validation_no_longer_rises():
    config = loop.LoopConfig(epochs=60, batch_size=16, learning_rate=1e-2, patience=2)
    state, history = train(small_examples(), config)
    assert len(history) < 60
    assert state.progress.epoch - state.progress.best_epoch == 2


def test_accumulated_batches_make_fewer_steps():
    config = loop.LoopConfig(epochs=1, batch_size=8, accumulate=2)
    state, _ = train(small_examples(), config)
    assert state.progress.step == 2


def test_every_epoch_says_how_fast_it_was_and_how_long_it_waited():
    examples, config = small_examples(), loop.LoopConfig(epochs=2, batch_size=16)
    history: list[dict[str, float]] = []
    loop.run(
        loop.begin(objective(examples), config),
        examples,
        config,
        lambda metrics, _: history.append(metrics),
    )
    assert len(history) == 2
    for line in history:
        assert line["train/samples_per_second"] > 0
        assert 0 < line["train/data_wait_share"] < 1
        seconds = 32 / line["train/samples_per_second"]  # two batches of the 36 posts
        assert line["train/data_wait"] == pytest.approx(line["train/data_wait_share"] * seconds)


def test_the_rate_rises_then_falls():
    rates = [schedule(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10)
    assert rates[:10] == sorted(rates[:10])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.01 <= rates[-1] < 0.02
