"""A finished run on the planted network: encoders, features and tracker are real, towers untrained.

Use with `pytest_plugins`; it is made once for all tests that name it.
"""

from pathlib import Path

import pytest

from tests.training.planted import write_planted
from tests.training.report.finished import finish_run
from training.evaluation.card import log_card
from training.interests.landscape import survey_if_public
from training.report.run_record import find_run
from training.space import Space
from training.surveyed import survey_model
from training.tracking.config import TrackingConfig
from training.tracking.run import TrackedRun
from training.tracking.server import MLFLOW_SETTINGS, Tracking


@pytest.fixture(scope="session")
def planted_run(ray_session: None, tmp_path_factory: pytest.TempPathFactory):
    """The tracker whose workspace holds the run `first`, its evaluation card logged."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in MLFLOW_SETTINGS.items():
            environment.setenv(name, value)
        folder: Path = tmp_path_factory.mktemp("planted-run")
        tracking = Tracking(TrackingConfig(), folder / "workspace")
        posts = write_planted(folder / "posts.parquet")
        run_id = finish_run(posts, tracking)
        found = survey_model(tracking, find_run(tracking, "first"))
        space = Space.load(found.record.model_folder)
        landscape = survey_if_public(space, found.materials, tracking.workspace / "features")
        log_card(TrackedRun(tracking, run_id), space, found.materials, landscape=landscape)
        yield tracking


@pytest.fixture(autouse=True)
def own_tracking(monkeypatch: pytest.MonkeyPatch) -> None:
    """No server that the environment names."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
