"""`make chaos-serving`: what the service does when its parts are killed, and when it is overrun.

Three trials, each on a copy of a demo's workspace, all on this machine and bounded in time:

- each replica is killed in turn under steady load;
- requests come in at five times the rate that can be answered;
- the whole application is killed in the middle of 500 writes, and started again.
"""

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import requests

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.load import Answer, Ask, Load, cycle, percentile, statuses
from infra.benchmarks.process import Served, served
from infra.benchmarks.world import World, copy_of, mixed_reads, writes
from infra.cli.output import note

COMMAND = "make chaos-serving"
VICTIMS = ("gateway", "recommender", "text", "image", "user", "writer")
STEADY_S, KILL_EVERY_S, CLIENTS, LEAST_REQUESTS = 60.0, 8.0, 3, 2000
OVERLOAD_S, OVERLOAD = 60.0, 5.0
WRITES = 500


@dataclass(frozen=True)
class Kill:
    """A killed replica.

    Attributes:
        name: of the deployment.
        at: when, by `time.monotonic`.
        recovery_s: until all parts were ready again.
    """

    name: str
    at: float
    recovery_s: float


def main(workspace: Path, to: Path, scratch: Path, *only: str) -> int:
    """Run the trials, or `only` some, and write the figures; the exit code."""
    claims: list[Claim] = []
    for trial in (kills, overload, restart):
        if only and trial.__name__ not in only:
            continue
        note(f"{trial.__name__}: {(trial.__doc__ or '').splitlines()[0]}")
        claims += trial(copy_of(workspace, scratch))
        for line in lines(claims)[-6:]:
            note(f"  {line}")
        write_claims(claims, to, keep=bool(only))
    return 0


def kills(world: World) -> list[Claim]:
    """SIGKILL of each replica in turn under steady load."""
    with served(world.workspace, world.settings) as service:
        load, done = Load(service.url), threading.Event()
        killed: list[Kill] = []
        killer = threading.Thread(target=_kill_in_turn, args=(service, killed, done))
        makers = [*mixed_reads(world), *writes("chaos")]
        asyncio.run(load.closed_loop(islice(cycle(*makers), 200), CLIENTS))  # warm
        load.answers.clear()
        killer.start()
        asyncio.run(_steady(load, cycle(*makers), done))
        killer.join()
        lost = _lost(service, load.answers)
    wrong = [one for one in load.answers if not one.good and not one.refused]
    recovery = max((kill.recovery_s for kill in killed), default=float("nan"))
    each = ", ".join(f"{kill.name} {kill.recovery_s:.1f} s" for kill in killed)
    return [
        Claim(
            "answers other than 2xx or 503 with Retry-After while each replica was killed",
            len(wrong),
            "= 0",
            COMMAND,
            f"of {len(load.answers)}: {statuses(load.answers)}",
        ),
        Claim("requests during the kills", len(load.answers), f">= {LEAST_REQUESTS}", COMMAND),
        Claim("slowest recovery after a kill, s", recovery, "<= 15", COMMAND, each),
        Claim("acknowledged writes lost by the kills", lost, "= 0", COMMAND),
    ]


def overload(world: World) -> list[Claim]:
    """Five times as many requests as can be answered."""
    with served(world.workspace, world.settings) as service:
        reads = cycle(*mixed_reads(world))
        load = Load(service.url)
        asyncio.run(load.closed_loop(islice(reads, 100), 2))  # warm
        alone = asyncio.run(load.closed_loop(reads, 1, 20.0))
        unloaded = percentile(alone, 0.99)
        begun = time.monotonic()
        full = [one for one in asyncio.run(load.closed_loop(reads, CLIENTS, 20.0)) if one.good]
        capacity = len(full) / (time.monotonic() - begun)
        before = service.memory_mb()
        peak = _Peak(service)
        answers = asyncio.run(load.open_loop(reads, OVERLOAD * capacity, OVERLOAD_S))
        grown = peak.stop() / sum(before.values())
        after = service.ready()
    good = [one for one in answers if one.good]
    other = [one for one in answers if not one.good and not one.refused]
    detail = (
        f"unloaded p99 {unloaded:.2f} s, capacity {capacity:.0f}/s, {len(answers)} sent at "
        f"{OVERLOAD * capacity:.0f}/s: {statuses(answers)}, p50 {percentile(good, 0.5):.2f} s"
    )
    return [
        Claim(
            "p99 of answered requests at 5 x capacity, over the unloaded p99",
            percentile(good, 0.99) / unloaded,
            "<= 3",
            COMMAND,
            detail,
        ),
        Claim("other answers than 2xx or 503 with Retry-After", len(other), "= 0", COMMAND),
        Claim(
            "answered per second under overload, over capacity",
            len(good) / OVERLOAD_S / capacity,
            ">= 0.5",
            COMMAND,
        ),
        Claim("memory at its peak under overload, over before", grown, "<= 1.5", COMMAND),
        Claim("ready after overload", float(after), "= 1", COMMAND),
    ]


def restart(world: World) -> list[Claim]:
    """SIGKILL of the whole application during 500 writes, and a start over."""
    service = Served(world.workspace, world.settings)
    asks = list(islice(cycle(*writes("restart")), WRITES))
    load, killed = Load(service.url), threading.Event()

    def kill_when_half_done() -> None:
        while sum(one.good for one in load.answers) < WRITES // 2:
            time.sleep(0.01)
        service.kill()
        killed.set()

    killer = threading.Thread(target=kill_when_half_done)
    killer.start()
    asyncio.run(load.closed_loop(asks, CLIENTS))
    killer.join()
    first = [one.ask.key for one in load.answers if one.good]
    ready = service.start()
    kept = _lost(service, load.answers)
    missed = [ask for ask in asks if ask.key not in set(first)]
    again = Load(service.url)
    asyncio.run(again.closed_loop(missed, CLIENTS))
    acknowledged = first + [one.ask.key for one in again.answers if one.good]
    lost = _lost(service, [*load.answers, *again.answers])
    service.stop()
    twice, apart = _doubled(world, asks)
    return [
        Claim(
            "acknowledged writes lost by SIGKILL of the whole application",
            kept + lost,
            "= 0",
            COMMAND,
            f"{len(first)} acknowledged before it, {len(acknowledged)} of {WRITES} after all",
        ),
        Claim("writes that are there twice", twice, "= 0", COMMAND),
        Claim("posts by which index and event database differ", apart, "= 0", COMMAND),
        Claim("start after SIGKILL to ready, s", ready, "<= 60", COMMAND),
    ]


def _kill_in_turn(service: Served, killed: list[Kill], done: threading.Event) -> None:
    for name in VICTIMS:
        time.sleep(KILL_EVERY_S)
        begun = time.monotonic()
        victims = service.replicas().get(name, [])
        if victims:
            os.kill(victims[0].pid, signal.SIGKILL)
        gone = {victim.pid for victim in victims[:1]}
        while True:
            there = service.replicas().get(name, [])
            if there and not gone & {one.pid for one in there} and service.ready():
                break
            time.sleep(0.1)
        killed.append(Kill(name, begun, time.monotonic() - begun))
    done.set()


async def _steady(load: Load, asks: object, done: threading.Event) -> None:
    """Steady load until all were killed, and for a minute and 2,000 requests at least."""
    begun = time.monotonic()
    source = iter(asks)  # type: ignore[call-overload]

    def until_done():
        for ask in source:
            long_enough = time.monotonic() - begun > STEADY_S
            if done.is_set() and long_enough and len(load.answers) >= LEAST_REQUESTS:
                return
            yield ask

    await load.closed_loop(until_done(), CLIENTS)


def _lost(service: Served, answers: Sequence[Answer]) -> int:
    """Acknowledged writes that can't be read back, or count again when they are sent again."""
    lost = 0
    with requests.Session() as session:
        for one in (one.ask for one in answers if one.good and one.ask.key):
            if one.kind == "put":
                found = session.get(f"{service.url}{one.path}", timeout=30)
                lost += found.status_code != 200
            else:
                found = session.post(f"{service.url}{one.path}", json=one.json, timeout=30)
                lost += found.json().get("repeated") != 1
    return lost


def _doubled(world: World, asks: Sequence[Ask]) -> tuple[int, int]:
    """Rows that are there twice, and posts by which the index differs from the database."""
    from infra.product import load_config
    from recsys.drift import drift
    from recsys.events.database import Events
    from recsys.vectors import VectorStore
    from recsys.versions import Target

    config = load_config(None, world.settings, world.workspace)
    with (
        Events(config.events, world.workspace) as events,
        VectorStore(config.index, world.workspace) as store,
    ):
        view = store.live()
        ids = [id for part in view.ids(Target.POSTS) for id in part]
        written = [ask.key for ask in asks if ask.kind == "put"]
        mine = events.posts_of("restart-writer")
        likes = events.reactions_of("restart-reader")
        twice = len(ids) - len(set(ids))
        twice += len(mine) - len({post.post_id for post in mine} & set(written))
        twice += len(likes) - len({like.post_id for like in likes})
        found = drift(events, view)
        return twice, len(found.to_embed) + len(found.extra)


class _Peak:
    """Watches the memory of the service from a thread."""

    def __init__(self, service: Served) -> None:
        self._service = service
        self._ended = threading.Event()
        self._peak = 0.0
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> float:
        """The peak of the sum over all processes, in megabytes."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._ended.wait(2.0):
            self._peak = max(self._peak, float(np.sum(list(self._service.memory_mb().values()))))


if __name__ == "__main__":
    workspace, to, scratch = map(Path, sys.argv[1:4])
    sys.exit(main(workspace, to, scratch, *sys.argv[4:]))
