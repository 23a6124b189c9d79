"""One finished run for the tests of the page and of its command; making it takes seconds."""

from pathlib import Path

import pytest

from tests.training.report.finished import finish_run, write_posts
from training.tracking.config import TrackingConfig
from training.tracking.server import MLFLOW_SETTINGS, Tracking


@pytest.fixture(scope="session")
def report_tracking(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as environment:
        for name, value in MLFLOW_SETTINGS.items():
            environment.setenv(name, value)
        yield Tracking(TrackingConfig(), tmp_path_factory.mktemp("space"))


@pytest.fixture(scope="session")
def report_posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_posts(tmp_path_factory.mktemp("posts") / "posts.parquet")


@pytest.fixture(scope="session")
def finished_run(ray_session: None, report_tracking: Tracking, report_posts: Path) -> str:
    """MLflow's id of the run `first`."""
    return finish_run(report_posts, report_tracking)
