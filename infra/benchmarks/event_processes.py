"""What the processes of `ingesting.py` do: import until they are killed, write, and read.

usage: python -m infra.benchmarks.event_processes import|write|read PLACE FOLDER …
"""

import json
import random
import sys
import time
from pathlib import Path

from recsys.config import EventsConfig
from recsys.events.batches import Batch
from recsys.events.chunks import CHUNK
from recsys.events.database import Events
from recsys.events.files import find_sources
from recsys.events.ingesting import ingest
from recsys.events.records import Post, Reaction
from training.data.config import DataConfig

SHARED = [f"shared{n}" for n in range(8)]
"""Posts that all writers react to."""
_FAR = [f"absent{n}" for n in range(CHUNK)]  # between two ids, so that two statements ask for them


def main(what: str, place: str, folder: str, *rest: str) -> None:
    """Do one of the three."""
    with Events(EventsConfig(url=place), Path(folder)) as events:
        match what:
            case "import":
                bring(events, *rest)
            case "write":
                wait()
                write(events, rest[0], float(rest[1]))
            case "read":
                wait()
                read(events, float(rest[0]))


def wait() -> None:
    """Say that this process is ready, and wait for the word to begin: all are to begin together."""
    print("ready", flush=True)
    sys.stdin.readline()


def bring(events: Events, files: str, aside: str) -> None:
    """Import files, and print how many rows of which are acknowledged, after each batch."""
    for source in find_sources([files]):

        def told(what: str, done: int, total: int, name: str = source.file.name) -> None:
            print(name, done, flush=True)

        done = ingest(source, events, DataConfig(), Path(aside), progress=told)
        print("skipped", done.skipped, flush=True)


def write(events: Events, name: str, seconds: float) -> None:
    """Write for a while; prints what was acknowledged.

    Each turn is one batch: a reaction to a shared post, with a key of its own, and a new version of
    two posts of the writer's. Every other turn a single reaction comes beside it.
    """
    chance = random.Random(name)
    turns, liked = 0, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        turns += 1
        pair = [
            Post(f"{name}-{half}", name, f"version {turns}", (str(turns),)) for half in ("a", "b")
        ]
        like = Reaction(name, chance.choice(SHARED), "like")
        events.ingest(Batch(posts=pair, reactions={f"{ord(name[-1]):02x}{turns:030x}": like}))
        liked += 1
        if turns % 2:
            view = Reaction(name, chance.choice(SHARED), "view")
            liked += events.react([view, view], [f"v{turns}", f"v{turns}"]).recorded
        if events.posts([pair[0].post_id])[pair[0].post_id].text != pair[0].text:
            raise RuntimeError(f"{name} can't read what it wrote")
    print(json.dumps({"name": name, "versions": turns, "reactions": liked}), flush=True)


def read(events: Events, seconds: float) -> None:
    """Read for a while; prints how often, and how often what was read was of two moments."""
    chance = random.Random()
    reads, partial, backwards = 0, 0, 0
    last: dict[str, int] = {}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        reads += 1
        partial += bool(events.tallies.wrong(chance.sample(SHARED, 3)))
        name = chance.choice(["writer1", "writer2"])
        pair = events.posts([f"{name}-a", *_FAR, f"{name}-b"])
        versions = [int((post.text or "0").split()[-1]) for post in pair.values()]
        versions += [int(tag) for post in pair.values() for tag in post.tags]
        partial += len(set(versions)) > 1 or len(pair) == 1
        backwards += bool(versions) and versions[0] < last.get(name, 0)
        last[name] = versions[0] if versions else 0
    print(json.dumps({"reads": reads, "partial": partial, "backwards": backwards}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
