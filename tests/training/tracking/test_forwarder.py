import time

import pytest

from training.errors import NotFound, Unavailable
from training.tracking.forwarder import MetricsForwarder
from training.tracking.metrics_log import append_metrics
from training.tracking.run import open_run


def history(tracking, run_id, name):
    points = tracking.call(lambda client: client.get_metric_history(run_id, name))
    return sorted((point.step, point.value) for point in points)


def eventually(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_epochs_reach_mlflow_and_the_callback_while_training_runs(tracking, run):
    seen = []
    path = run.folder / "metrics.jsonl"
    with run.forward_metrics(on_epoch=seen.append) as forwarder:
        append_metrics(path, 1, {"loss": 3, "validation/recall@10": 0.1})
        eventually(lambda: seen and not forwarder.pending)
        assert history(tracking, run.run_id, "loss") == [(1, 3)]
        append_metrics(path, 2, {"loss": 2, "validation/recall@10": 0.2})
    assert [each.epoch for each in seen] == [1, 2]
    assert history(tracking, run.run_id, "loss") == [(1, 3), (2, 2)]
    assert history(tracking, run.run_id, "validation/recall_at_10") == [(1, 0.1), (2, 0.2)]


def test_a_resume_doubles_nothing_and_catches_up(tracking, run):
    path = run.folder / "metrics.jsonl"
    with run.forward_metrics():
        append_metrics(path, 1, {"loss": 3})
        append_metrics(path, 2, {"loss": 2})
    append_metrics(path, 3, {"loss": 1})  # the driver was dead when this was written
    seen = []
    again = open_run(tracking, run.folder, name="first")
    assert again.run_id == run.run_id
    with again.forward_metrics(on_epoch=seen.append):
        append_metrics(path, 3, {"loss": 1})  # its checkpoint was lost: the epoch ran again
        append_metrics(path, 4, {"loss": 0.5})
    assert history(tracking, run.run_id, "loss") == [(1, 3), (2, 2), (3, 1), (4, 0.5)]
    assert [each.epoch for each in seen] == [3, 4]


def test_more_metrics_than_one_call_takes(tracking, run):
    path = run.folder / "metrics.jsonl"
    for epoch in range(3):
        append_metrics(path, epoch, {f"m{i}": i for i in range(700)})
    with run.forward_metrics():
        pass
    assert history(tracking, run.run_id, "m699") == [(0, 699), (1, 699), (2, 699)]


def test_nan_and_infinity_do_not_stop_it(tracking, run):
    path = run.folder / "metrics.jsonl"
    with run.forward_metrics():
        append_metrics(path, 1, {"loss": float("nan"), "other": float("inf")})
        append_metrics(path, 2, {"loss": 1.0, "other": 1.0})
    assert len(history(tracking, run.run_id, "loss")) == 2


def test_a_run_that_is_gone_is_told_at_the_end_only(tracking, run):
    path = run.folder / "metrics.jsonl"
    forwarder = MetricsForwarder(tracking, "0" * 32, path, interval_s=0.05).start()
    append_metrics(path, 1, {"loss": 3})
    with pytest.raises(NotFound):
        forwarder.close()


def test_an_error_in_the_callback_is_told_at_the_end(run):
    def broken(epoch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), run.forward_metrics(on_epoch=broken):
        append_metrics(run.folder / "metrics.jsonl", 1, {"loss": 3})


def test_the_error_of_the_training_is_the_one_that_is_seen(run):
    with pytest.raises(KeyError, match="training"), run.forward_metrics():
        raise KeyError("training")


def test_a_server_that_goes_away_loses_and_doubles_nothing(remote, relay, tmp_path):
    run = open_run(remote, tmp_path / "run", name="away")
    path, seen = tmp_path / "run" / "metrics.jsonl", []
    with run.forward_metrics(on_epoch=seen.append) as forwarder:
        for epoch in range(1, 4):
            append_metrics(path, epoch, {"loss": 1 / epoch})
        eventually(lambda: not forwarder.pending and len(seen) == 3)
        relay.cut()
        for epoch in range(4, 9):  # training goes on, and is shown, while the server is away
            append_metrics(path, epoch, {"loss": 1 / epoch})
        eventually(lambda: len(seen) == 8)
        assert forwarder.pending == 5
        time.sleep(2)
        relay.restore()
        append_metrics(path, 9, {"loss": 1 / 9})
    expected = [(epoch, 1 / epoch) for epoch in range(1, 10)]
    assert history(remote, run.run_id, "loss") == expected


def test_an_answer_that_is_lost_doubles_nothing(remote, relay, tmp_path):
    run = open_run(remote, tmp_path / "run", name="lost answer")
    relay.lose_answers_to = b"/runs/log-batch"
    with run.forward_metrics():
        append_metrics(tmp_path / "run" / "metrics.jsonl", 1, {"loss": 3})
    assert relay.lose_answers_to is None
    assert history(remote, run.run_id, "loss") == [(1, 3)]


def test_a_server_that_stays_away_costs_no_metrics(remote, relay, tmp_path):
    run = open_run(remote, tmp_path / "run", name="stays away")
    path = tmp_path / "run" / "metrics.jsonl"
    forwarder = run.forward_metrics().start()
    relay.cut()
    append_metrics(path, 1, {"loss": 3})
    with pytest.raises(Unavailable, match=r"1 epochs did not reach MLflow") as caught:
        forwarder.close(patience_s=1)
    assert str(path) in caught.value.hint
    relay.restore()
    with open_run(remote, tmp_path / "run", name="stays away").forward_metrics():
        pass
    assert history(remote, run.run_id, "loss") == [(1, 3)]
