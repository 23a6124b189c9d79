"""What trials of training run on: posts to train on, a disk that fills up, a server, a cluster."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from infra.benchmarks.training_process import MARK, Family
from infra.serving import free_port
from training.errors import Unavailable

_START_S = 180.0


def part_of_the_sample(to: Path, posts: int) -> Path:
    """A Parquet file of about `posts` posts of the shipped sample, of the people with most posts.

    People with over a hundred are left out: no one person makes the result.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from training.data.sample import sample_path

    table = pq.read_table(sample_path())
    authors = table["user_id"].to_pylist()
    chosen: set[str] = set()
    found = 0
    for author, count in sorted(Counter(authors).items(), key=lambda pair: (-pair[1], pair[0])):
        if count <= 100 and found < posts:
            chosen.add(author)
            found += count
    to.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.filter(pa.array([author in chosen for author in authors])), to)
    return to


class SmallDisk:
    """A file system of its own in memory, which can be filled up and emptied; needs root.

    Args:
        place: where it is mounted; made if needed.
        megabytes: its size.
    """

    def __init__(self, place: Path, megabytes: int) -> None:
        self.place, self._megabytes = place, megabytes
        self._filling = place / "filling"

    def __enter__(self) -> "SmallDisk":
        self.place.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "none", str(self.place)],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Unavailable(
                f"no file system can be mounted: {done.stderr.strip()}", hint="run it as root"
            )
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=False)

    def fill(self) -> None:
        """Take all the room that there is; what is freed meanwhile, too."""
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(65_536))
        with self._filling.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(512))

    def free(self) -> None:
        """Give the room back."""
        self._filling.unlink()


class TrackingServer:
    """A real `mlflow server` on SQLite, on one port for good.

    Args:
        folder: of its database, artifacts and log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._port = free_port("127.0.0.1")
        self.uri = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"),
                    *("--port", str(self._port), "--workers", "1"),
                    *("--backend-store-uri", f"sqlite:///{self._folder / 'mlflow.db'}"),
                    *("--artifacts-destination", str(self._folder / "artifacts")),
                ],
                env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Unavailable(f"MLflow did not start; see {self._folder / 'server.log'}")
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return requests.get(f"{self.uri}/health", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def kill(self) -> None:
        """SIGKILL it with its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Nodes:
    """Ray nodes of one CPU each on this machine, with a token, ports and a folder of their own.

    Args:
        folder: of their sessions; its path must be short, since sockets lie below it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = f"127.0.0.1:{free_port('127.0.0.1')}"
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_ADDRESS": self.address,
            "PYTHONPATH": os.getcwd(),
        }
        self._nodes: list[tuple[Family, subprocess.Popen]] = []

    def join(self) -> None:
        """One more node; the first is the head."""
        family = Family()
        ray = str(Path(sys.executable).with_name("ray"))
        host, port = self.address.split(":")
        head = ["--head", "--port", port, "--include-dashboard=false"]
        role = [*head, "--temp-dir", str(self._folder)]
        if self._nodes:
            role = ["--address", self.address]
        environment = os.environ | self.environment | {MARK: family.mark}
        if not self._nodes:
            del environment["RAY_ADDRESS"]  # the head refuses to start with it
        number = len(self._nodes)
        with (self._folder / f"node-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(ray, "start", *role, "--node-ip-address", host, "--num-cpus", "1"),
                    *("--object-store-memory", "100000000", "--disable-usage-stats", "--block"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        family.sessions.add(process.pid)
        family.members()
        self._nodes.append((family, process))

    def leave(self) -> None:
        """SIGKILL all of the newest node."""
        family, process = self._nodes.pop()
        family.kill()
        process.wait()

    def lasting(self, title: str) -> list[str]:
        """Processes of this title on all nodes that are still there after 30 s."""
        return [each for family, _ in self._nodes for each in family.lasting(title)]


@contextmanager
def nodes() -> Iterator[Nodes]:
    """A cluster with its head, gone without a trace afterwards."""
    folder = Path(f"/tmp/ct-{secrets.token_hex(3)}")
    folder.mkdir()
    cluster = Nodes(folder)
    try:
        cluster.join()
        deadline = time.monotonic() + _START_S
        while not _listens(cluster.address):
            if time.monotonic() > deadline:
                raise Unavailable("Ray's head did not start")
            time.sleep(0.5)
        yield cluster
    finally:
        while cluster._nodes:
            cluster.leave()
        shutil.rmtree(folder, ignore_errors=True)


def _listens(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except OSError:
        return False
    return True
