"""A workspace whose first model came by the pipeline: champion, index, events, all real.

Use with `pytest_plugins`; it is made once for all tests that name it.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.pipeline.run import Finished, run_pipeline
from infra.product import ProductConfig, load_config


@dataclass(frozen=True)
class Retrained:
    """What the run left.

    Attributes:
        posts: its data.
        settings: the file of its settings.
        config: the same, read.
        done: what the run came to.
    """

    posts: Path
    settings: Path
    config: ProductConfig
    done: Finished


@pytest.fixture(scope="session")
def retrained(
    ray_session: None, small_posts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Retrained:
    folder = tmp_path_factory.mktemp("retrained")
    posts = pq.read_table(small_posts)
    counts = Counter(posts["user_id"].to_pylist())
    chosen = [name for name, _ in sorted(counts.most_common(6))]
    path = folder / "posts.parquet"
    pq.write_table(posts.filter(pc.is_in(posts["user_id"], pa.array(chosen))), path)
    settings = folder / "settings.yaml"
    settings.write_text(
        f"workspace: {folder / 'workspace'}\ndata: {{posts: {path}}}\n"
        "loop: {epochs: 1}\nscaling: {workers: 1, cpus_per_worker: 0.5}\n"
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        environment.delenv("COMMONSPACE_WORKSPACE", raising=False)
        config = load_config(settings)
        return Retrained(path, settings, config, run_pipeline(config, name="first"))
