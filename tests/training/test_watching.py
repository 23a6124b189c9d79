import logging
from types import SimpleNamespace

import pyarrow as pa
import pytest

from training import measures
from training.data.report import Tally
from training.log_config import LogConfig
from training.logs import ids, open_logs
from training.recorder import SILENT, Kind, Recorder
from training.watching import Watch, tell_data


class Kept(Recorder):
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: dict = {}

    def _keep(self, metric, value, **labels) -> None:
        assert set(labels) == set(metric.labels)
        self.told[metric.name, *sorted(labels.items())] = value

    set = observe = add = _keep


@pytest.fixture(autouse=True)
def unbound():
    from training import logs

    token = logs.bind()
    yield
    logs._bound.reset(token)


@pytest.fixture
def as_json(tmp_path):
    yield LogConfig(format="json", file=tmp_path / "log")
    open_logs(LogConfig())


def test_an_epoch_is_told_once_it_is_reported(caplog, as_json):
    kept, reported = Kept(), []
    watch = Watch("first", "a1b2", epochs=9, logs=as_json)
    report = watch.reporting(lambda metrics, state: reported.append(metrics), kept)
    assert ids()["run_id"] == "a1b2"
    state = SimpleNamespace(progress=SimpleNamespace(epoch=4))
    metrics = {
        "loss/user_text": 0.5,
        "validation/score": 0.7,
        "validation/user_image": 0.1,
        "train/samples_per_second": 90.0,
        "train/data_wait_share": 0.02,
    }
    report(metrics, state)  # type: ignore[arg-type]
    assert reported == [metrics]
    run = ("run", "first")
    assert kept.told[measures.EPOCH.name, run] == 4
    assert kept.told[measures.EPOCHS.name, run] == 9
    assert kept.told[measures.LOSS.name, ("pair", "user_text"), run] == 0.5
    assert kept.told[measures.VALIDATION.name, run] == 0.7
    assert kept.told[measures.SAMPLES.name, run] == 90
    assert kept.told[measures.DATA_WAIT.name, ("rank", "0"), run] == 0.02
    assert kept.told[measures.CHECKPOINT_SECONDS.name, run] >= 0
    assert [one.fields["epoch"] for one in caplog.records if one.message == "epoch"] == [4]


def test_where_no_logs_are_asked_for_an_epoch_is_no_line(caplog):
    caplog.set_level(logging.INFO, "training")
    report = Watch("first").reporting(lambda metrics, state: None, Kept())
    report({"loss/user_text": 0.5}, SimpleNamespace(progress=SimpleNamespace(epoch=4)))  # type: ignore[arg-type]
    assert not caplog.records


def test_failures_of_workers_are_counted():
    kept = Kept()
    callback = Watch("first").restarts(kept)
    name = measures.RESTARTS.name, ("run", "first")
    callback.after_report(None, [], None)  # type: ignore[arg-type]
    assert kept.told[name] == 0
    callback.after_exception(None, {0: RuntimeError("x")})  # type: ignore[arg-type]
    callback.after_exception(None, {1: RuntimeError("x")})  # type: ignore[arg-type]
    assert kept.told[name] == 2


def test_why_rows_were_kept_out_is_told_by_table():
    tally = Tally()
    columns = {"reason": ["duplicate", "missing"], "raw": ["", ""], "image": [None, None]}
    columns |= {"table": ["users"] * 2, "file": ["f"] * 2, "row": [1, 2]}
    columns |= {"field": ["user_id"] * 2, "detail": [""] * 2}
    for table in ("users", "reactions"):
        tally.start(table)
    tally.add("users", pa.table({"user_id": ["ann"]}), pa.table(columns))
    kept = Kept()
    tell_data(tally.report(1, {}), kept)
    name = measures.QUARANTINED.name
    assert kept.told[measures.ROWS.name, ("table", "users")] == 3
    assert kept.told[name, ("reason", "duplicate"), ("table", "users")] == 1
    assert kept.told[name, ("reason", "missing"), ("table", "users")] == 1
    assert kept.told[name, ("reason", "none"), ("table", "reactions")] == 0


def test_measures_are_named_as_prometheus_wants_them():
    names = [one.name for one in measures.ALL]
    assert len(set(names)) == len(names)
    for one in measures.ALL:
        assert one.name.startswith("commonspace_") and one.meaning.endswith(".")
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER)


def test_nobody_looks_on_by_default():
    with SILENT.stage(measures.CHECKPOINT_SECONDS, run="x"):
        SILENT.add(measures.RESTARTS)
