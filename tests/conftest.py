"""Fixtures for the whole suite: one Ray session, and small real data."""

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.data.clean import CleanData
from training.data.config import DataConfig, SplitConfig
from training.data.sample import sample_path

_ACTIVE, _RARE = 16, 40  # people


def pytest_configure(config: pytest.Config) -> None:
    """Name the warnings of the fixtures' own libraries that are no news."""
    # Ray Data's DataContext sets its own deprecated fields when it is made.
    config.addinivalue_line("filterwarnings", r"ignore::DeprecationWarning:ray\.data\.context")


@pytest.hookimpl(wrapper=True)  # before xdist, which reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Give each of two test processes whole groups, so that costly fixtures are made once.

    What needs the one Ray, or the one cluster for jobs, is one group; all else is grouped by
    folder, as its fixtures are.
    """
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        folder = item.path.parent.relative_to(item.config.rootpath).as_posix()
        group = "ray" if names & {"ray_session", "job_cluster"} else folder
        item.add_marker(pytest.mark.xdist_group(group))
    return (yield)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray of 2 CPUs for all tests that need one."""
    import ray

    for last in (False, False, True):  # Ray gives itself 30 s, too little for a busy machine
        try:
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                object_store_memory=300 << 20,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
            break
        except Exception as error:
            ray.shutdown()
            if last or "timed out during startup" not in str(error):
                raise
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def sample_posts() -> Path:
    """The shipped sample, a Parquet file of 4,555 posts."""
    return Path(sample_path())


@pytest.fixture(scope="session")
def small_posts(sample_posts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 200 posts of the sample: 16 people with 8 to 12 posts each, 40 with one or two."""
    posts = pq.read_table(sample_posts)
    authors = posts["user_id"].to_pylist()
    counts = Counter(authors)
    active = [name for name, count in sorted(counts.items()) if 8 <= count <= 12][:_ACTIVE]
    rare = [name for name, count in sorted(counts.items()) if count <= 2][:_RARE]
    chosen = posts.filter(pa.array([name in {*active, *rare} for name in authors]))
    path = tmp_path_factory.mktemp("small") / "posts.parquet"
    pq.write_table(chosen, path, row_group_size=64)
    return path


@pytest.fixture(scope="session")
def clean_sample(
    ray_session: None, small_posts: Path, tmp_path_factory: pytest.TempPathFactory
) -> CleanData:
    """`small_posts` prepared, split per person."""
    from training.data.prepare import prepare

    workspace = tmp_path_factory.mktemp("workspace")
    return prepare(DataConfig(posts=str(small_posts)), SplitConfig(), workspace)
