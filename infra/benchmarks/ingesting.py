"""The event database under kills and under many at once: nothing lost, nothing doubled.

usage: python -m infra.benchmarks.ingesting FOLDER [TIMES [SECONDS]]
"""

import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from infra.benchmarks.claims import Claim, lines
from infra.benchmarks.event_processes import SHARED
from infra.benchmarks.postgres import cluster, programs
from recsys.config import EventsConfig
from recsys.events.database import Events
from recsys.events.exporting import export
from recsys.events.records import Post, Reaction
from recsys.events.writing import reaction_id
from training.errors import CommonspaceError

COMMAND = "make bench-recsys"
_POSTS, _REACTIONS, _AGAIN = 2_000, 30_000, 10
_LONGEST_LIFE_S, _PATIENCE_S = 0.8, 120
_UNBORN = 0.2
"""Share of the kills that come while the process still starts."""


def killed_ingestion(
    folder: Path, times: int = 20, url: str = "events.db", seed: int | None = None
) -> dict[str, Any]:
    """Import posts and reactions in a process that is killed (SIGKILL) again and again.

    Every tenth row comes twice, and the file as a whole comes again once it is in. After each kill
    what was acknowledged is looked for.

    Args:
        folder: for files and an SQLite database; made anew.
        times: how many kills.
        url: of the database; it must be empty.
        seed: of the moments of the kills; other ones each time if None.
    Returns: `lost` and `doubled`, both to be 0; `kills`; rows that restarts `resumed` behind; rows
        of each file that are in; `seconds`.
    """
    chance, begun = random.Random(seed), time.monotonic()
    rows = _write_files(folder / "files")
    acknowledged: dict[str, int] = {}
    result = {"kills": 0, "lost": 0, "doubled": 0, "resumed": 0}
    with Events(EventsConfig(url=url), folder) as events:
        ended = False
        while not ended or result["kills"] < times:
            life = _Life(url, folder, acknowledged)
            if result["kills"] < times:
                result["kills"] += life.kill(chance)
            else:
                ended = life.wait() == 0
            result["resumed"] += life.skipped
            lost, doubled = _compare(events, rows, acknowledged)
            result["lost"] += lost
            result["doubled"] += doubled
    named = {f"rows of {name}": count for name, count in acknowledged.items() if name in rows}
    return result | named | {"seconds": round(time.monotonic() - begun, 1)}


def writers_and_readers(
    folder: Path, seconds: float = 60, url: str = "events.db"
) -> dict[str, Any]:
    """Two processes write and four read at once.

    Args:
        folder: for an SQLite database.
        seconds: how long.
        url: of the database; it must be empty.
    Returns: `lost` acknowledged updates and `partial` reads (of two moments), both to be 0, reads
        that went `backwards` in time, to be 0; and how many `writes` and `reads` there were.
    """
    with Events(EventsConfig(url=url), folder) as events:
        events.add_posts([Post(post, "everyone", "x") for post in SHARED])
        writers = [_start("write", url, folder, f"writer{n}", str(seconds)) for n in (1, 2)]
        readers = [_start("read", url, folder, str(seconds)) for _ in range(4)]
        _together([*writers, *readers])
        wrote = [_ended(process, seconds) for process in writers]
        seen = [_ended(process, seconds) for process in readers]
        lost = 0
        for writer in wrote:
            pair = events.posts([f"{writer['name']}-a", f"{writer['name']}-b"])
            lost += [post.text for post in pair.values()] != [f"version {writer['versions']}"] * 2
        tallied = sum(sum(kinds.values()) for kinds in events.tallies.of(SHARED).values())
        acknowledged = sum(writer["reactions"] for writer in wrote)
        lost += abs(acknowledged - tallied) + abs(acknowledged - len(events.reactions_table()))
    totals = {name: sum(one[name] for one in seen) for name in ("reads", "partial", "backwards")}
    versions = sum(writer["versions"] for writer in wrote)
    return {"writes": versions, "reactions": acknowledged, "lost": lost, **totals}


def ingesting(folder: Path, times: int = 20, seconds: float = 60) -> list[Claim]:
    """Both trials, on SQLite and on a Postgres if there is one, as figures beside their targets."""
    claims: list[Claim] = []
    for name, first, second in _databases(folder):
        killed = killed_ingestion(folder / name / "killed", times, first)
        many = writers_and_readers(folder / name / "many", seconds, second)
        detail = ", ".join(f"{key} {value}" for key, value in killed.items())
        claims += [
            Claim(
                f"acknowledged rows lost by {times} kills, {name}",
                killed["lost"],
                "= 0",
                COMMAND,
                detail,
            ),
            Claim(f"rows doubled by {times} kills, {name}", killed["doubled"], "= 0", COMMAND),
        ]
        detail = ", ".join(f"{key} {value}" for key, value in many.items())
        what = f"two writers and four readers for {seconds:.0f} s, {name}"
        claims += [
            Claim(f"lost updates, {what}", many["lost"], "= 0", COMMAND, detail),
            Claim(f"partial reads, {what}", many["partial"] + many["backwards"], "= 0", COMMAND),
        ]
    return claims


def _databases(folder: Path) -> Iterator[tuple[str, str, str]]:
    """A name and the URLs of two empty databases, of each kind."""
    yield "SQLite", "events.db", "events.db"
    if programs() is not None:
        with cluster() as server:
            yield "Postgres", server.create("killed"), server.create("many")


def _write_files(folder: Path) -> dict[str, list[str]]:
    """Posts and reactions as files; what each row is known by, by the file's name."""
    folder.mkdir(parents=True)
    posts = [
        {"post_id": f"p{n}", "user_id": f"u{n % 97}", "text": f"Post {n}"} for n in range(_POSTS)
    ]
    likes: list[dict[str, Any]] = []
    for n in range(_REACTIONS):
        again = n % _AGAIN == 0 and n > 0
        row = {"user_id": f"u{n % 89}", "post_id": f"p{n % _POSTS}", "kind": "like", "key": str(n)}
        likes.append(likes[n // 2] if again else row)
    for name, rows in {"posts": posts, "reactions": likes}.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return {
        "posts.jsonl": [row["post_id"] for row in posts],
        "reactions.jsonl": [
            reaction_id(Reaction(row["user_id"], row["post_id"], row["kind"]), row["key"])
            for row in likes
        ],
    }


class _Life:
    """One process that imports, from its start to its end."""

    def __init__(self, url: str, folder: Path, acknowledged: dict[str, int]) -> None:
        self._acknowledged = acknowledged
        self._began = threading.Event()
        self.skipped = 0
        files, aside = str(folder / "files"), str(folder / "quarantine")
        self._process = _start("import", url, folder, files, aside)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def kill(self, chance: random.Random) -> bool:
        """SIGKILL at a random moment; False if it had ended before."""
        if chance.random() >= _UNBORN:
            self._began.wait(_PATIENCE_S)
        time.sleep(chance.uniform(0, _LONGEST_LIFE_S))
        self._process.kill()
        return self.wait() == -signal.SIGKILL

    def wait(self) -> int:
        """Until it has ended; its exit code. Raises: CommonspaceError if it failed."""
        code = self._process.wait()
        self._listener.join()
        if self._process.stdin:
            self._process.stdin.close()
        if code not in (0, -signal.SIGKILL):
            raise CommonspaceError(f"an import ended with {code}")
        return code

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):
                break  # torn by the kill: not an acknowledgement
            name, rows = line.split()
            self._began.set()
            if name == "skipped":
                self.skipped += int(rows)
            else:
                self._acknowledged[name] = max(self._acknowledged.get(name, 0), int(rows))
        self._process.stdout.close()
        self._began.set()


def _compare(
    events: Events, rows: dict[str, list[str]], acknowledged: dict[str, int]
) -> tuple[int, int]:
    """How many acknowledged rows aren't there, and how much is there more than once."""
    there = {"posts.jsonl": set(events.visibility()), "reactions.jsonl": set(_ids(events))}
    lost = sum(len(set(rows[name][: acknowledged.get(name, 0)]) - there[name]) for name in rows)
    strange = sum(len(there[name] - set(rows[name])) for name in rows)
    return lost, strange + len(events.tallies.wrong())


def _ids(events: Events) -> list[str]:
    """What the reactions that are there are known by, as an export says."""
    with tempfile.TemporaryDirectory() as place:
        export(events, Path(place) / "out")
        return pq.read_table(Path(place) / "out" / "reactions.parquet")["reaction_id"].to_pylist()


def _start(what: str, url: str, folder: Path, *rest: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "infra.benchmarks.event_processes"]
    return subprocess.Popen(
        [*program, what, url, str(folder), *rest],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _together(processes: Sequence[subprocess.Popen[str]]) -> None:
    """Let processes begin when all are ready."""
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise CommonspaceError("a process that was to write or read did not start")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()


def _ended(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    said, _ = process.communicate(timeout=seconds + _PATIENCE_S)
    if process.returncode:
        raise CommonspaceError(f"a process that wrote or read ended with {process.returncode}")
    return json.loads(said)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    times, seconds = (int(number) for number in [*sys.argv[2:], "20", "60"][:2])
    print("\n".join(lines(ingesting(place, times, seconds))))
