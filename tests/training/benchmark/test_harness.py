"""The whole harness on a few synthetic posts: trials, store, resume, results."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.synthetic import small_examples
from training.benchmark.contenders import trained
from training.benchmark.fitting import Fitted
from training.benchmark.plan import ablation_trials, main_trials
from training.benchmark.recipe import Recipe
from training.benchmark.results import Results, averaged
from training.benchmark.schedule import run_trials
from training.benchmark.store import Store
from training.benchmark.trial import Trial, run_trial
from training.errors import BadConfig
from training.evaluation.embedded import Direction
from training.examples import Examples
from training.observer import Observer

EXAMPLES = small_examples(people=12)
RECIPE = Recipe().changed(
    {
        "model.dimension": 12,
        "model.hidden": 8,
        "model.whitening.components": 8,
        "loop.epochs": 2,
        "loop.batch_size": 24,
        "loop.people": 8,
    }
)
PEOPLE = (Direction.USER_TO_IMAGE, Direction.USER_TO_TEXT)


class Listening(Observer):
    def __init__(self) -> None:
        self.done: list[int] = []
        self.notes: list[str] = []

    def advance(self, what: str, done: int, total: int) -> None:
        self.done.append(done)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def measured(ray_session: None, folder: Path) -> Results:
    trials = main_trials([0, 1])
    outcomes = run_trials(trials, EXAMPLES, RECIPE, Store(folder, "context"))
    return Results.of(trials, outcomes)


def test_every_contender_is_measured_with_every_seed(measured: Results) -> None:
    eight = {direction.value for direction in Direction}
    assert set(measured.cells("joint")) == eight
    assert set(measured.cells("naive_joint")) == eight
    assert set(measured.cells("cca")) == eight
    assert set(measured.cells("late_fusion")) == {"user_to_post", "post_to_user"}
    for name in ("isolated", "isolated_equipped"):
        assert set(measured.cells(name)) == eight - {"user_to_post", "post_to_user"}
    for name in ("joint", "isolated", "joint, half apart", "isolated, half independent"):
        cell = measured.cells(name)["user_to_text"]["map"]
        assert cell["n"] == 2
        assert 0 < cell["mean"] <= 1
        assert cell["std"] >= 0
    assert measured.cells("unimodal_text")["user_to_text"]["map"]["std"] == 0


def test_intervals_hold_the_mean(measured: Results) -> None:
    cell = measured.cells("joint", intervals=True)["user_to_text"]["map"]
    assert cell["low"] <= cell["mean"] <= cell["high"]


def test_queries_of_newcomers_are_theirs_alone(measured: Results) -> None:
    for outcome in measured.outcomes["newcomers"]:
        people = outcome.vectors["people"]
        for direction in PEOPLE:
            assert set(outcome.tables["fold_in_1"][direction].person) <= set(people)


def test_finished_work_is_not_done_again(
    measured: Results, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials = main_trials([0, 1])
    kept = {path.name for path in folder.iterdir()}
    assert len(kept) == len(trials)
    lost = trials[5]
    Store(folder, "context").path(lost).unlink()
    listening = Listening()
    again = run_trials(trials, EXAMPLES, RECIPE, Store(folder, "context"), listening)
    assert listening.done == [len(trials)]
    assert listening.notes == [
        f"{len(trials) - 1} of {len(trials)} trials are kept from an earlier run"
    ]
    found = Results.of(trials, again)
    for name in measured.tables:
        assert found.cells(name) == measured.cells(name)  # done again or kept: the same figures


def test_other_data_or_code_finds_nothing(measured: Results, folder: Path) -> None:
    trial = main_trials([0])[0]
    assert Store(folder, "context").load(trial) is not None
    assert Store(folder, "other").load(trial) is None


def test_a_torn_file_is_done_again(folder: Path, tmp_path: Path) -> None:
    store, trial = Store(tmp_path, "c"), Trial("unimodal_text", "unimodal_text", 0)
    store.save(trial, run_trial(trial, EXAMPLES, RECIPE))
    path = store.path(trial)
    path.write_bytes(path.read_bytes()[:200])
    assert store.load(trial) is None


def test_an_ablation_changes_the_recipe_by_one_thing() -> None:
    trials = ablation_trials(0, Recipe())
    names = [trial.name for trial in trials]
    assert {"id only", "content only", "no user pairs", "batch 128", "dimension 384"} <= set(names)
    assert "loss each_positive" not in names  # the recipe itself
    assert len(names) == len(set(names))
    for trial in trials:
        assert Recipe().changed(trial.changes) != Recipe()


def test_alone_a_pair_has_its_own_block_or_all_that_it_can_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the figures of `isolated` and `isolated_equipped` are about."""
    built: list[list[str]] = []
    fit_space = trained.fit_space

    def watched(examples: Examples, recipe: Recipe) -> Fitted:
        fitted = fit_space(examples, recipe)
        built.append([block.name for block in fitted.space.blocks])
        assert recipe.losses.image_text.author_margin == 0  # it needs to know authors
        if fitted.space.audience is not None:
            assert (fitted.space.audience.sizes > 0).any()
        return fitted

    monkeypatch.setattr(trained, "fit_space", watched)
    run_trial(Trial("x", "isolated", 0), EXAMPLES, RECIPE)
    assert built == [["user_image"], ["user_text"], ["image_text"]]
    built.clear()
    run_trial(Trial("x", "isolated_equipped", 0), EXAMPLES, RECIPE)
    assert built == [
        ["user_image", "audience", "appeal"],
        ["user_text", "meaning", "audience", "appeal"],
        ["image_text", "meaning"],
    ]


def test_the_mean_over_seeds_is_that_of_each_query(measured: Results) -> None:
    runs = [table[Direction.USER_TO_TEXT] for table in measured.tables["joint"]]
    mean = averaged(runs).summary()["map"]
    assert mean == pytest.approx(np.mean([run.summary()["map"] for run in runs]))


def test_an_unknown_contender_names_the_known_ones() -> None:
    with pytest.raises(BadConfig, match="unknown contender"):
        run_trial(Trial("x", "jiont", 0), EXAMPLES, RECIPE)
