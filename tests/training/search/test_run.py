"""A real search: three tiny trials under Ray Tune, and a resume that repeats none that ended."""

from types import SimpleNamespace

import pytest
import yaml

from tests.training.synthetic import learned, small_examples
from training import checkpoint
from training.errors import BadConfig, Conflict, NotFound
from training.fit import METRICS
from training.observer import Observer
from training.run_config import RunConfig
from training.search.config import SearchConfig
from training.search.outcome import RESULT, load_outcome
from training.search.run import search
from training.search.trial import Order, run_trial
from training.tracking.metrics_log import MetricsTail, read_metrics
from training.tracking.server import Tracking

SPACE = {"loop.learning_rate": "loguniform(1e-3, 1e-2)", "model.dropout": "choice(0.0, 0.1)"}
SETTINGS = SearchConfig(trials=2, grace=1, reduction=2, cpus_per_trial=0.5)
EPOCHS = 3


@pytest.fixture(scope="module")
def base() -> RunConfig:
    model = {"dimension": 24, "hidden": 16}
    loop = {"epochs": EPOCHS, "batch_size": 21, "people": 7}
    return RunConfig.parse({"model": model, "loop": loop})


@pytest.fixture
def materials(monkeypatch):
    """Examples that need no encoder."""
    given = SimpleNamespace(examples=small_examples(people=9))
    monkeypatch.setattr("training.search.run.gather_materials", lambda *_, **__: given)


class Notes(Observer):
    def __init__(self):
        self.said = []

    def note(self, text):
        self.said.append(text)


def test_a_search_finds_records_and_resumes(ray_session, materials, base, tmp_path):
    done = search(base, SPACE, SETTINGS, tmp_path, name="first")

    assert [outcome.number for outcome in done.outcomes] != []
    assert {outcome.number for outcome in done.outcomes} == {0, 1, 2}
    scores = [outcome.best for outcome in done.outcomes]
    assert scores == sorted(scores, reverse=True)
    for outcome in done.outcomes:
        lines = read_metrics(done.folder / "trials" / f"{outcome.number:03d}" / METRICS)
        assert list(outcome.scores) == [
            line.metrics["validation/score"] for line in lines[: len(outcome.scores)]
        ]
        assert 1 <= len(outcome.scores) <= EPOCHS
        assert (outcome.ending == "finished") == (len(outcome.scores) == EPOCHS)
    best = RunConfig.load(done.best_config)
    assert best.loop.learning_rate == done.best.values.get(
        "loop.learning_rate", base.loop.learning_rate
    )
    assert best.data == base.data
    assert (done.folder / "trials.png").read_bytes().startswith(b"\x89PNG")
    tracking = Tracking(base.tracking, tmp_path)
    assert_tracked(tracking, done)

    assert not list(done.folder.glob("trials/*/checkpoints"))

    # as if the search had been killed when trial 1 had not ended
    killed = done.folder / "trials" / "001"
    before = {n: (done.folder / "trials" / f"{n:03d}" / RESULT).read_bytes() for n in (0, 2)}
    for name in (RESULT, "recorded"):
        (killed / name).unlink()
    notes = Notes()
    again = search(
        RunConfig(),  # a resume takes what it began with
        {},
        SearchConfig(trials=9),
        tmp_path,
        name="first",
        resume=True,
        observer=notes,
    )
    assert again.repeated == 2
    assert {outcome.number for outcome in again.outcomes} == {0, 1, 2}
    assert {
        n: (done.folder / "trials" / f"{n:03d}" / RESULT).read_bytes() for n in (0, 2)
    } == before
    lines = MetricsTail(killed / METRICS).read()
    first = learned(lines[0].metrics)
    # it began anew, its checkpoints being gone, to the same end
    assert first in [learned(line.metrics) for line in lines[1:]]
    assert notes.said[0] == "2 of 3 trials have ended before"
    assert [line.split()[1] for line in notes.said[1:]] == ["1"]
    assert_tracked(tracking, again)
    assert again.mlflow_run_id == done.mlflow_run_id

    with pytest.raises(Conflict, match="has begun already"):
        search(base, SPACE, SETTINGS, tmp_path, name="first")


def assert_tracked(tracking, done):
    """A nested run a trial, with its parameters and the score of each epoch."""
    experiment = tracking.experiment_id()
    runs = tracking.call(lambda client: client.search_runs([experiment]))
    parents = [run.data.tags.get("mlflow.parentRunId") for run in runs]
    assert parents.count(None) == 1
    children = {
        run.info.run_id: run for run in runs if run.data.tags.get("mlflow.parentRunId") is not None
    }
    assert set(children) == {outcome.mlflow_run_id for outcome in done.outcomes}
    for outcome in done.outcomes:
        child = children[outcome.mlflow_run_id]
        assert child.info.status == "FINISHED"
        rate = outcome.values.get("loop.learning_rate")
        if rate is not None:
            assert float(child.data.params["loop.learning_rate"]) == rate
        points = tracking.call(
            lambda client, id=outcome.mlflow_run_id: client.get_metric_history(
                id, "validation/score"
            )
        )
        assert {point.step for point in points} >= set(range(1, len(outcome.scores) + 1))


def test_what_cannot_be_searched_is_told_before_anything_is_done(base, tmp_path):
    trained = base.model_copy(
        update={"text_encoder": base.text_encoder.model_copy(update={"tuning": "full"})}
    )
    with pytest.raises(BadConfig, match="frozen"):
        search(trained, {}, SETTINGS, tmp_path)
    with pytest.raises(NotFound, match="no search 'none'"):
        search(base, {}, SETTINGS, tmp_path, name="none", resume=True)
    with pytest.raises(BadConfig, match="no field"):
        search(base, {"loop.nothing": "uniform(0, 1)"}, SETTINGS, tmp_path, name="bad")
    assert not (tmp_path / "searches" / "bad" / "search.yaml").exists()


def test_a_killed_trial_goes_on_from_its_checkpoint(base, tmp_path, monkeypatch):
    """Epochs from before are told again, so that the search judges them, and none is trained."""
    told, die_after = [], 1

    def report(metrics):
        told.append(metrics)
        if len(told) == die_after:
            raise InterruptedError

    monkeypatch.setattr("ray.tune.report", report)
    small_examples(people=9).save(tmp_path / "examples")
    with checkpoint.owned(tmp_path) as token:
        order = Order(
            number=1,
            folder=tmp_path / "trial",
            examples_folder=tmp_path / "examples",
            search_folder=tmp_path,
            token=token,
            config=base.model_dump(mode="json"),
            gpu=False,
        )
        with pytest.raises(InterruptedError):
            run_trial({"order": order})
        first, die_after = told.copy(), 99
        told.clear()
        run_trial({"order": order})
    assert [line["epoch"] for line in told] == [1, 2, 3]
    assert told[0] == first[0]
    lines = (order.folder / METRICS).read_text().splitlines()
    assert len(lines) == EPOCHS


def test_an_outcome_that_failed_is_tried_again(tmp_path):
    assert load_outcome(tmp_path) is None
    (tmp_path / RESULT).write_text('{"number": 1, "values": {}, "ending": "failed", "scores": []}')
    assert load_outcome(tmp_path) is None
    (tmp_path / RESULT).write_text('{"number": 1, "val')
    assert load_outcome(tmp_path) is None
    text = yaml.safe_dump({"number": 1})
    (tmp_path / RESULT).write_text(text)
    assert load_outcome(tmp_path) is None
