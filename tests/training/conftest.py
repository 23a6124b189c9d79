"""The planted network, and two workers, made once for all tests that need them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.training.gloo import Workers, started
from tests.training.planted import Planted, plant, write_planted
from training.data.config import DataConfig, SplitConfig
from training.data.prepare import prepare


@pytest.fixture(scope="session")
def planted(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Four subjects, twenty-four people, and a space trained on them."""
    folder: Path = tmp_path_factory.mktemp("planted")
    posts = write_planted(folder / "posts.parquet")
    return plant(prepare(DataConfig(posts=str(posts)), SplitConfig(), folder), folder / "features")


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Two processes that train together; see `tests.training.gloo`."""
    with started(tmp_path_factory.mktemp("gloo")) as workers:
        yield workers
