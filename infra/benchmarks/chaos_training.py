"""`make chaos-training`: what a training does when its parts are killed, cut off or starved.

usage: python -m infra.benchmarks.chaos_training OUT.json WORKDIR [trial…]

Each trial is a real `commonspace train` on a part of the shipped sample, on this machine. It must
end registered, with the undisturbed run's validation score, and leave no process.
"""

import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import TimeoutExpired

from infra.benchmarks.claims import UNFINISHED, Claim, lines, write_claims
from infra.benchmarks.claims_page import write_page
from infra.benchmarks.training_places import SmallDisk, TrackingServer, nodes, part_of_the_sample
from infra.benchmarks.training_process import Trained
from infra.benchmarks.training_verdict import COMMAND, Undisturbed, count, recoveries, verdict
from infra.cli.output import note
from training.errors import CommonspaceError

POSTS, EPOCHS, KILLS = 1500, 20, 5
ELASTIC_EPOCHS = 90
"""A node takes half a minute to join; the run must last longer than that."""
AWAY_S, ORPHANS_S, ROOM_AFTER_S, DISK_PATIENCE_S, DISK_MB = 30.0, 10.0, 10.0, 20.0, 400
AGENTS_S = 90.0
"""Two agents of Ray's own wait a fixed minute for the dead head of their cluster, then end."""


class Bench:
    """Where trials train, on what, and what the undisturbed run came to."""

    def __init__(self, scratch: Path) -> None:
        self.workspace = scratch / "workspace"
        posts = part_of_the_sample(scratch / "posts.parquet", POSTS)
        self.settings = (
            f"data.posts={posts.absolute()}",
            f"loop.epochs={EPOCHS}",
            f"loop.patience={EPOCHS}",
            "loop.batch_size=64",
            "loop.people=256",
            "model.dimension=384",
            "ray.cpus=2",
        )
        self.undisturbed = Undisturbed(0.0, 0.0)
        self._trainings: list[Trained] = []

    def training(
        self,
        name: str,
        *settings: str,
        workspace: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Trained:
        """A training that begins anew."""
        place = workspace or self.workspace
        training = Trained(place, name, [*self.settings, *settings], environment)
        shutil.rmtree(training.folder, ignore_errors=True)  # of an earlier invocation
        training.start()
        self._trainings.append(training)
        return training

    def sweep(self) -> None:
        """SIGKILL what a trial that broke off left running."""
        for training in self._trainings:
            training.sweep()


def main(to: Path, scratch: Path, *only: str) -> int:
    """Run the trials, or `only` some, and write the figures; the exit code."""
    trials = (workers, controller, driver, orphans, checkpoints, disk, tracking, elastic)
    bench = Bench(scratch)
    note("undisturbed: what the others are compared with")
    calm = bench.training("undisturbed")
    calm.ends()
    bench.undisturbed = Undisturbed.of(calm)
    note(f"  validation score {bench.undisturbed.score:.4f}, {bench.undisturbed.seconds:.0f} s")
    claims: list[Claim] = []
    known = {trial.__name__: trial for trial in trials}
    for trial in [known[name] for name in only or known]:
        note(f"{trial.__name__}: {(trial.__doc__ or '').splitlines()[0]}")
        try:
            found = trial(bench)
        except (CommonspaceError, OSError, IndexError, TimeoutExpired) as error:
            found = [Claim(f"{trial.__name__}{UNFINISHED}", 0, "= 1", COMMAND, str(error))]
        bench.sweep()
        for line in lines(found):
            note(f"  {line}")
        claims += found
        write_claims(claims, to, keep=bool(only))
        stories = {each.__name__: (each.__doc__ or "").splitlines()[0] for each in trials}
        write_page(to, "Training under faults", stories)
    return 0


def workers(bench: Bench) -> list[Claim]:
    """SIGKILL of a worker, five times in one run."""
    training = bench.training("workers")
    killed = []
    for number in range(KILLS):
        training.until_epoch(2 + 3 * number)
        group = training.faults("started")
        if number % 2:
            training.kill("RayTrainWorker")
        else:
            training.kill_pid(group[-1].facts["pid"])
        killed.append(time.time())
        training.until("restart", lambda before=len(group): training.restarted(before))
    training.ends()
    return [
        count("workers", "restarts", len(training.faults("started")) - 1, KILLS),
        *recoveries("workers", training, killed),
        *verdict("workers", training, bench.undisturbed, repeated=KILLS),
    ]


def controller(bench: Bench) -> list[Claim]:
    """SIGKILL of Ray Train's controller."""
    training = bench.training("controller")
    training.until_epoch(4)
    training.kill("TrainController")
    killed = [time.time()]
    training.ends()
    return [
        count("controller", "restarts", len(training.faults("controller_died")), 1),
        *recoveries("controller", training, killed),
        *verdict("controller", training, bench.undisturbed, repeated=1),
    ]


def driver(bench: Bench) -> list[Claim]:
    """SIGKILL of the driver, and the same command with --resume."""
    training = bench.training("driver")
    training.until_epoch(4)
    training.signal(signal.SIGKILL)
    killed = time.time()
    training.start("--resume")
    training.until("restart", lambda: training.restarted(1))
    training.ends()
    return [
        *recoveries("driver", training, [killed], within_s=120),
        *verdict("driver", training, bench.undisturbed, repeated=1),
    ]


def orphans(bench: Bench) -> list[Claim]:
    """The driver is stopped (SIGSTOP): Ray lives, and thinks that it does; nobody restarts."""
    training = bench.training("orphans", f"scaling.orphans_stop_after_s={ORPHANS_S}")
    training.until_epoch(4)
    training.signal(signal.SIGSTOP)
    begun = time.monotonic()
    left = training.lasting("RayTrainWorker", within_s=10 * ORPHANS_S)
    stopped = time.monotonic() - begun
    epoch = training.epochs()
    time.sleep(2 * ORPHANS_S)
    after = training.lasting("RayTrainWorker", within_s=60)  # those that begin find nobody and end
    further = training.epochs() - epoch
    training.signal(signal.SIGKILL)
    killed = time.monotonic()
    workers = training.lasting("RayTrainWorker")
    soon = training.lasting(within_s=max(0.0, killed + 30 - time.monotonic()))
    remains = training.lasting(within_s=AGENTS_S)
    gone = time.monotonic() - killed
    training.sweep()
    training.start("--resume")
    training.ends()
    detail = f"told to stop after {ORPHANS_S:.0f} s; at epoch {epoch}"
    return [
        Claim(
            "orphans: seconds from the driver's last sign of life until no worker is left",
            stopped if not left else float("nan"),
            f"<= {ORPHANS_S + 20}",
            COMMAND,
            detail,
        ),
        count("orphans", "workers that Ray started again and that stayed", len(after), 0),
        count("orphans", "epochs that were trained for nobody", further, 0),
        count("orphans", "workers 30 s after the driver's death", len(workers), 0),
        Claim(
            "orphans: seconds from the driver's death until no process is left",
            gone if not remains else float("nan"),
            f"<= {AGENTS_S:.0f}",
            COMMAND,
            f"left after 30 s: {'; '.join(soon)[:300] or 'none'}",
        ),
        *verdict("orphans", training, bench.undisturbed, repeated=1),
    ]


def checkpoints(bench: Bench) -> list[Claim]:
    """The newest checkpoint is corrupt, and Ray's own list of checkpoints torn."""
    training = bench.training("checkpoints")
    training.until_epoch(6)
    training.signal(signal.SIGKILL)
    training.lasting()
    newest = sorted((training.folder / "checkpoints").glob("checkpoint_*"))[-1]
    weights = newest / "model.safetensors"
    spoilt = bytearray(weights.read_bytes())
    spoilt[len(spoilt) // 2] ^= 1
    weights.write_bytes(spoilt)
    for run in (training.folder / "checkpoints").glob("fit-*"):
        (run / "checkpoint_manager_snapshot.json").write_text('{"ray_version": "2.')
    training.start("--resume")
    training.ends()
    told = f"{newest.name} is damaged" in training.said()
    _, second = training.faults("started")[:2]
    lost = int(newest.name.split("_")[1]) - second.facts["epoch"]
    return [
        count("checkpoints", "said in words that it falls back", int(told), 1),
        count("checkpoints", "epochs by which it fell back", lost, 1),
        *verdict("checkpoints", training, bench.undisturbed, repeated=2),
    ]


def disk(bench: Bench) -> list[Claim]:
    """The disk fills up twice: room is made while training waits, and after it gave up."""
    place = bench.workspace.parent / "small-disk"
    with SmallDisk(place, DISK_MB) as small:
        for shared in ("data", "features"):
            (place / shared).symlink_to(bench.workspace.absolute() / shared)
        training = bench.training(
            "disk",
            f"scaling.disk_patience_s={DISK_PATIENCE_S}",
            f"tracking.uri=sqlite:///{bench.workspace.absolute() / 'mlflow.db'}",
            workspace=place,
        )
        training.until_epoch(3)
        small.fill()
        waiting = "is full"
        training.until("word of the full disk", lambda: waiting in training.said())
        time.sleep(ROOM_AFTER_S)
        waited = training.runs()
        small.free()
        at = training.epochs()
        training.until_epoch(at + 2)
        groups = len(training.faults("started"))
        small.fill()
        code = training.ends()
        error = [line for line in training.said().splitlines() if line.startswith("error:")]
        torn = list((training.folder / "checkpoints").glob(".writing-*"))
        small.free()
        training.start("--resume")
        training.ends()
        fell_back = "is damaged" in training.said()
        return [
            count("disk", "waited for room, without a restart", int(waited and groups == 1), 1),
            Claim(
                "disk: ended with a clear error when there stayed no room",
                float(code == 8 and any(waiting in line for line in error)),
                "= 1",
                COMMAND,
                "; ".join(error)[:300],
            ),
            count("disk", "torn checkpoints left or met", len(torn) + int(fell_back), 0),
            *verdict("disk", training, bench.undisturbed, repeated=2),
        ]


def tracking(bench: Bench) -> list[Claim]:
    """The MLflow server is killed during training, and started again after 30 s."""
    server = TrackingServer(bench.workspace.parent / "mlflow")
    server.start()
    try:
        training = bench.training("tracking", f"tracking.uri={server.uri}")
        training.until_epoch(2)
        server.kill()
        before = training.epochs()
        time.sleep(AWAY_S)
        during = training.epochs() - before
        server.start()
        training.ends()
        missing = training.missing_in_mlflow()
        return [
            Claim("tracking: epochs done while MLflow was away", during, ">= 1", COMMAND),
            count(
                "tracking", "points (metric, epoch) that MLflow lacks or has otherwise", missing, 0
            ),
            *verdict("tracking", training, bench.undisturbed, repeated=0),
        ]
    finally:
        server.kill()


def elastic(bench: Bench) -> list[Claim]:
    """1, 2 and 1 workers in one run: a node joins, and is killed."""
    length = (f"loop.epochs={ELASTIC_EPOCHS}", f"loop.patience={ELASTIC_EPOCHS}")
    calm = bench.training("elastic-undisturbed", *length)
    calm.ends()
    undisturbed = Undisturbed.of(calm)
    with nodes() as cluster:
        training = bench.training(
            "elastic",
            *length,
            "scaling.least_workers=1",
            "scaling.workers=2",
            "scaling.resize_after_s=5",
            environment=cluster.environment,
        )
        training.until_epoch(3)
        cluster.join()
        training.until("second worker", lambda: training.group() == 2)
        training.until_epoch(training.epochs() + 3)
        cluster.leave()
        left = [time.time()]
        training.until("one worker again", lambda: training.group() == 1)
        training.ends()
        sizes = [fault.facts["workers"] for fault in training.faults("started")]
        on_nodes = cluster.lasting("RayTrainWorker") + cluster.lasting("TrainController")
        detail = f"groups of {sizes} workers"
        return [
            Claim(
                "elastic: went from 1 worker to 2 and back to 1",
                float([n for i, n in enumerate(sizes) if i == 0 or sizes[i - 1] != n] == [1, 2, 1]),
                "= 1",
                COMMAND,
                detail,
            ),
            count("elastic", "processes of the training left on the nodes", len(on_nodes), 0),
            *recoveries("elastic", training, left),
            *verdict("elastic", training, undisturbed, repeated=2),
        ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
