import json
from pathlib import Path

import pytest

from training.config import Config
from training.errors import NotFound, Unavailable
from training.tracking.config import TrackingConfig
from training.tracking.run import open_run
from training.tracking.server import Tracking


class Part(Config):
    epochs: int = 3
    note: str = ""


class Whole(Config):
    loop: Part = Part()
    name: str = "x"


def fetch(tracking, run_id):
    return tracking.call(lambda client: client.get_run(run_id))


def artifact(tracking, run_id, name, folder):
    path = tracking.call(lambda client: client.download_artifacts(run_id, name, str(folder)))
    return Path(path).read_text()


def test_everything_about_a_run_is_logged(tracking, run, tmp_path):
    import matplotlib.figure

    config = Whole()
    with run:
        run.log_config(config)
        run.log_environment()
        run.log_metrics({"test/user_to_image/map": 0.7})
        run.log_figure(matplotlib.figure.Figure(), "plots/empty.png")
        run.log_json({"joint": {"map": 0.7}}, "retrieval.json")
        run.log_artifact(run.folder / "mlflow.json", "debug")
    logged = fetch(tracking, run.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params == {"loop.epochs": "3", "loop.note": "", "name": "x"}
    assert logged.data.metrics == {"test/user_to_image/map": 0.7}
    (dataset,) = logged.inputs.dataset_inputs
    assert ("d" * 64).startswith(dataset.dataset.digest)
    assert logged.data.tags["commonspace.data_digest"] == "d" * 64
    packages = artifact(tracking, run.run_id, "environment/packages.txt", tmp_path)
    assert "\nmlflow==" in packages
    platform = json.loads(artifact(tracking, run.run_id, "environment/platform.json", tmp_path))
    assert platform["python"].startswith("3.")
    assert artifact(tracking, run.run_id, "config.yaml", tmp_path) == config.to_yaml()
    paths = tracking.call(lambda client: [a.path for a in client.list_artifacts(run.run_id)])
    assert {"plots", "retrieval.json", "debug"} <= set(paths)


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("bad"), "FAILED"), (KeyboardInterrupt(), "KILLED"), (SystemExit(1), "KILLED")],
)
def test_how_a_run_ends(tracking, run, error, status):
    with pytest.raises(type(error)), run:
        raise error
    logged = fetch(tracking, run.run_id)
    assert logged.info.status == status
    assert type(error).__name__ in logged.data.tags["commonspace.error"]


def test_a_resumed_run_is_the_same_run_and_runs_again(tracking, run):
    run.log_config(Whole())
    run.log_metrics({"test/map": 0.5})
    with pytest.raises(ValueError), run:
        raise ValueError
    again = open_run(tracking, run.folder, name="other")
    assert again.run_id == run.run_id
    assert fetch(tracking, run.run_id).info.status == "RUNNING"
    with again:
        again.log_config(Whole(loop=Part(epochs=5)))
        again.log_data("d" * 64, source="sample", counts={"posts": 7})
        again.log_metrics({"test/map": 0.5})
    logged = fetch(tracking, run.run_id)
    assert logged.info.status == "FINISHED"
    assert logged.data.params["loop.epochs"] == "3"
    assert logged.data.tags["resumed.loop.epochs"] == "5"
    assert len(logged.inputs.dataset_inputs) == 1
    history = tracking.call(lambda client: client.get_metric_history(run.run_id, "test/map"))
    assert len(history) == 1


def test_a_run_is_resumed_by_id(tracking, run, tmp_path):
    assert open_run(tracking, tmp_path / "b", name="b", run_id=run.run_id).run_id == run.run_id
    assert open_run(tracking, tmp_path / "b", name="b").run_id == run.run_id
    with pytest.raises(NotFound, match="f" * 32):
        open_run(tracking, tmp_path / "c", name="c", run_id="f" * 32)


def test_a_run_that_was_deleted_on_the_server_is_made_anew(tracking, run):
    tracking.call(lambda client: client.delete_run(run.run_id))
    assert open_run(tracking, run.folder, name="first").run_id != run.run_id


def test_evaluations_are_nested(tracking, run):
    with run, run.evaluation("test posts") as evaluation:
        evaluation.log_metrics({"map": 0.3})
    logged = fetch(tracking, evaluation.run_id)
    assert logged.data.tags["mlflow.parentRunId"] == run.run_id
    assert logged.info.status == "FINISHED"
    assert logged.info.run_name == "test posts"
    with pytest.raises(ValueError):
        evaluation.forward_metrics()


def test_no_password_gets_into_the_run(tracking, run, tmp_path):
    run.log_config(Whole(name="http://me:secret@mlflow:5000"))
    assert fetch(tracking, run.run_id).data.params["name"] == "http://***@mlflow:5000"
    assert "secret" not in artifact(tracking, run.run_id, "config.yaml", tmp_path)


def test_long_parameters(tracking, run):
    run.log_config(Whole(loop=Part(note="x" * 7000)))
    assert len(fetch(tracking, run.run_id).data.params["loop.note"]) == 6000


def test_a_server_that_is_away_is_told_before_training(tmp_path):
    tracking = Tracking(TrackingConfig(uri="http://127.0.0.1:9"), tmp_path)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        open_run(tracking, tmp_path / "run", name="n")
    assert not (tmp_path / "run").exists()


def test_logging_waits_for_a_server_that_comes_back(remote, relay, tmp_path):
    import threading

    run = open_run(remote, tmp_path / "run", name="waits")
    relay.cut()
    threading.Timer(1.5, relay.restore).start()
    run.log_text("# card", "model_card.md")
    assert artifact(remote, run.run_id, "model_card.md", tmp_path) == "# card"


def test_the_error_of_the_training_is_seen_though_the_server_is_away(remote, relay, tmp_path):
    run = open_run(remote, tmp_path / "run", name="both fail")
    with pytest.raises(KeyError, match="training"), run:
        relay.cut()
        raise KeyError("training")
