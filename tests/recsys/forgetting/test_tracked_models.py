"""Models that MLflow registered: their digest is renewed, so that they load afterwards."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recsys.forgetting.keepers.saved_models import SavedModels
from recsys.forgetting.keepers.tracker import Tracker
from recsys.forgetting.needles import id_needles
from recsys.forgetting.search import search_file
from recsys.forgetting.subject import person, post
from tests.recsys.forgetting.workspace import model
from training.errors import BadData
from training.tracking import registry
from training.tracking.artifact import SPACE_PATH
from training.tracking.config import TrackingConfig
from training.tracking.registry import register, space_folder
from training.tracking.run import TrackedRun, open_run
from training.tracking.server import MLFLOW_SETTINGS, Tracking

PEOPLE = ["ann", "bob", "carl"]


@pytest.fixture(scope="module")
def tracking(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as environment:
        for name, value in MLFLOW_SETTINGS.items():
            environment.setenv(name, value)
        environment.setattr(
            registry,
            "build_model",
            lambda space, target, model, card: shutil.copytree(space, target / SPACE_PATH),
        )
        workspace = tmp_path_factory.mktemp("tracked")
        yield Tracking(TrackingConfig(), workspace)


@pytest.fixture
def run(tracking: Tracking) -> TrackedRun:
    run = open_run(tracking, tracking.workspace / "runs" / "first", name="first")
    run.log_data("d" * 64, source="sample", counts={"posts": 7})
    return run


def keeper(tracking: Tracking) -> SavedModels:
    return SavedModels(tracking.workspace, Tracker(tracking.config, tracking.workspace))


def registered(tracking: Tracking, run: TrackedRun, folder: Path, register_as: Callable) -> Path:
    model(folder, PEOPLE)
    version = register_as(tracking, run.run_id, folder, metrics={"validation/score": 0.5})
    return space_folder(version, tracking)


def test_a_registered_model_loads_afterwards(tracking: Tracking, run: TrackedRun) -> None:
    from training.tracking.versions import show_model

    folder = tracking.workspace / "runs" / "first" / "model"
    space = registered(tracking, run, folder, register)
    assert space != folder and space.is_relative_to(tracking.workspace)
    of_post = keeper(tracking).erase(post("p/1").with_more(authors=["bob"]))
    assert not of_post.counts and [left.what for left in of_post.left] == [
        "model version 1 has learned from it"
    ]
    erased = keeper(tracking).erase(person("bob"))
    assert erased.counts == {"models": 2}
    for place in (folder, space):
        assert json.loads((place / "users.json").read_text()) == ["ann", "(forgotten)", "carl"]
    assert space_folder(show_model(tracking, 1), tracking) == space  # checks the digest
    assert not keeper(tracking).erase(person("bob")).counts
    (space / "users.json").write_text("[]")
    with pytest.raises(BadData):
        space_folder(show_model(tracking, 1), tracking)


def test_the_error_of_a_run_that_quotes_an_id(tracking: Tracking, run: TrackedRun) -> None:
    run.set_tags(
        {"commonspace.error": "BadData: carl's post failed; carla is fine", "mine": "carl"}
    )
    tracker = Tracker(tracking.config, tracking.workspace)
    assert tracker.erase(person("carl")).counts == {"errors of runs": 1}
    assert not tracker.erase(person("carl")).counts
    [hit] = [
        what
        for what, _ in search_file(
            tracking.workspace / "mlflow.db", id_needles(["carl"], ["carla"])
        )
    ]
    assert hit == "id in tags.value"  # a tag that someone set by hand is theirs to change
