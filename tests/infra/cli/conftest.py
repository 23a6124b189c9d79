"""The command line in this process, and a workspace that a job on a cluster has trained in."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.cli import main

if TYPE_CHECKING:
    from tests.ray_cluster import Cluster


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> Any:
        """What --json printed: one line, nothing before and nothing behind."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


Command = Callable[..., Done]


@pytest.fixture
def commonspace(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command as the shell would, but in this process."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["commonspace", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main.main()
        captured = capsys.readouterr()
        code = left.value.code or 0
        assert isinstance(code, int)
        return Done(code, captured.out, captured.err)

    return run


@dataclass(frozen=True)
class Trained:
    """A training that ran as a job.

    Attributes:
        workspace: where.
        settings: the file that it was submitted with.
        submit: the command that submitted it.
    """

    workspace: Path
    settings: Path
    submit: Done


@pytest.fixture(scope="session")
def few_posts(small_posts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some sixty posts of six people: enough to train on, quick to encode."""
    posts = pq.read_table(small_posts)
    counts = Counter(posts["user_id"].to_pylist())
    chosen = [name for name, _ in sorted(counts.most_common(6))]
    path = tmp_path_factory.mktemp("few") / "posts.parquet"
    pq.write_table(posts.filter(pc.is_in(posts["user_id"], pa.array(chosen))), path)
    return path


@pytest.fixture(scope="session")
def trained(
    job_cluster: "Cluster", few_posts: Path, tmp_path_factory: pytest.TempPathFactory
) -> Trained:
    """One epoch on a few posts of the sample, submitted through the real entry point."""
    folder = tmp_path_factory.mktemp("submitted")
    settings = folder / "run.yaml"
    settings.write_text(
        f"data: {{posts: {few_posts}}}\n"
        "loop: {epochs: 9}\nscaling: {workers: 1, cpus_per_worker: 0.5}\n"
    )
    environment = os.environ | {"RAY_AUTH_TOKEN": job_cluster.token}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "infra.cli.main", "submit", "--address", job_cluster.address),
            *("--json", "train", "--config", settings, "--set", "loop.epochs=1"),
            *("--name", "first", "--workspace", folder / "workspace"),
        ],
        env=environment,
        capture_output=True,
        text=True,
    )
    return Trained(folder / "workspace", settings, Done(done.returncode, done.stdout, done.stderr))
