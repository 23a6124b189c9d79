from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.report.finished import encoders, random_materials, space_for, write_posts
from training.data.config import DataConfig, SplitConfig
from training.data.prepare import prepare
from training.evaluation.embedded import EmbeddedPosts
from training.materials import Materials
from training.report.content import ReportContent, measure
from training.report.run_record import RunRecord
from training.run_config import RunConfig


@pytest.fixture(scope="session")
def real_encoders() -> tuple:
    return encoders()


@pytest.fixture(scope="session")
def made(ray_session: None, tmp_path_factory: pytest.TempPathFactory):
    """Clean posts of the kinds of `write_posts`."""

    def make(**kind) -> Materials:
        folder = tmp_path_factory.mktemp("posts")
        posts = write_posts(folder / "posts.parquet", **kind)
        return random_materials(prepare(DataConfig(posts=str(posts)), SplitConfig(), folder))

    return make


@pytest.fixture(scope="session")
def report_on(real_encoders: tuple):
    def report(materials: Materials) -> ReportContent:
        record = RunRecord(
            name="first <run>",
            run_id="a" * 32,
            config=RunConfig(),
            history=[{"epoch": 1, "loss/total": 2.0}, {"epoch": 2, "loss/total": 1.0}],
            model_folder=Path("nowhere"),
            data_digest=materials.data.manifest.digest,
            commit=None,
            version=None,
        )
        content = measure(record, space_for(materials.examples, real_encoders), materials)
        # drawing takes long: the real ones are in the page of `test_write`
        names = ("training", "retrieval", "scores", "degradation", "map")
        dot = "data:image/webp;base64,AAAA"
        shown = {name: dot for name in names if content.card.protocol.asked}
        return replace(content, drawings=shown)

    return report


@pytest.fixture(scope="session")
def hostile(made) -> Materials:
    return made()


@pytest.fixture(scope="session")
def hostile_report(hostile: Materials, report_on) -> ReportContent:
    return report_on(hostile)


@pytest.fixture
def small_embedded() -> EmbeddedPosts:
    """Four people and eight posts that are all the same to the model."""
    same = np.tile(np.eye(1, 8, dtype=np.float32), (8, 1))
    there = np.ones(8, dtype=bool)
    return EmbeddedPosts(
        same[:4], same, there, same, there, same, np.arange(8) % 4, np.arange(8)
    )  # fmt: skip
