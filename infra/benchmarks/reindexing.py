"""A build of the index that is killed again and again, and goes on each time.

A child process builds; its space draws a vector by each content, so that what must be in the index
at the end can be computed. Between two kills posts are written, written over and deleted, as the
API does while nobody indexes.
"""

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recsys.config import EventsConfig, IndexConfig
from recsys.events.database import Events
from recsys.events.records import Person, Post, Reaction
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.errors import CommonspaceError

if TYPE_CHECKING:
    from torch import Tensor

    from recsys.index import IndexReport
    from training.modalities import History, PostFeatures
    from training.space import RawPost, Space
    from training.towers import Learned

POSTS, PEOPLE, CHANGED = 3000, 150, 5
MODEL, DIMENSION = "1", 32
_PATIENCE_S = 300.0


class DrawnSpace:
    """What `build_index` asks of a space; a text's features are drawn by it, and are its vector."""

    users: tuple[str, ...] = ()
    dimension = DIMENSION

    def __init__(self) -> None:
        from training.model.layout import Block

        self.joint = SimpleNamespace(blocks=(Block("image_text", DIMENSION),))
        self.query_weights: dict[str, tuple[float, ...]] = {}

    def features(self, posts: "Sequence[RawPost]") -> "PostFeatures":
        """Of the texts; pictures are none of this."""
        import torch

        from training.modalities import PostFeatures

        text = np.array([drawn(post.text or "") for post in posts], dtype=np.float32)
        nothing = torch.zeros(len(posts), dtype=torch.bool)
        return PostFeatures(
            image=torch.zeros(len(posts), 1),
            has_image=nothing,
            text=torch.from_numpy(text.reshape(-1, DIMENSION)),
            has_text=~nothing,
        )

    def learned(self, users: Sequence[str]) -> "Learned":
        """Nothing: who people are says nothing here."""
        from training.towers import Learned

        return Learned((), {})

    def knowing(self, learned: "Learned") -> "DrawnSpace":
        """Itself."""
        return self

    def embed_texts(self, features: "Tensor") -> np.ndarray:
        """(N, D), as they are."""
        return features.numpy()

    def embed_posts(self, posts: "PostFeatures") -> np.ndarray:
        """(N, D) of the texts."""
        return posts.text.numpy()

    def embed_users(self, history: "History", user_ids: Sequence[str | None]) -> np.ndarray:
        """(N, D) means of the posts."""
        total = np.zeros((len(user_ids), DIMENSION), dtype=np.float32)
        weighed = history.posts.text.numpy() * history.weight.numpy()[:, None]
        np.add.at(total, history.owner.numpy(), weighed)
        return total / np.linalg.norm(total, axis=1, keepdims=True)


def drawn(text: str) -> np.ndarray:
    """(D,) unit, the same for the same text."""
    seed = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
    row = np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)
    return row / np.linalg.norm(row)


@dataclass(frozen=True)
class Run:
    """What became of one child process.

    Attributes:
        killed: False if it was done before.
        resumed: rows that it found there, where it was done.
    """

    killed: bool
    resumed: int


def killed_reindexing(folder: Path, times: int = 20, seed: int = 0) -> dict[str, Any]:
    """Kill builds at random moments, and look at what the last one made.

    Args:
        folder: a new one, for index and event database.
        times: how many kills.
        seed: of the moments and the changes.
    Returns: kills, builds that were completed on the way, rows that completed builds had found, and
        of the end: posts, lost, doubled, too_many, wrong (another vector than the text's), drift
        (what `index verify` finds), `clean` if all of these are 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    with Events(EventsConfig(), folder) as events:
        _fill(events)
    begun = time.monotonic()
    kills, completed, resumed = 0, 0, 0
    seconds = _longest(folder)
    while kills < times:
        _change(folder, chance)
        run = _built(folder, chance.uniform(0, seconds))
        kills += run.killed
        completed += not run.killed
        resumed += run.resumed
    _change(folder, chance)
    last = _built(folder, None)
    end = _compared(folder)
    return {
        "kills": kills,
        "completed": completed,
        "resumed": resumed + last.resumed,
        "seconds": round(time.monotonic() - begun, 1),
        **end,
        "clean": not any(end[name] for name in ("lost", "doubled", "too_many", "wrong", "drift")),
    }


def build(folder: Path) -> "IndexReport":
    """The child's part: index what is in the event database of a folder."""
    from recsys.index import build_index
    from recsys.later_posts import no_posts, with_later_posts

    space = cast("Space", DrawnSpace())
    config = IndexConfig(batch_size=100, here_below=10**9)
    with Events(EventsConfig(), folder) as events, VectorStore(config, folder) as store:
        print("begun", flush=True)
        table, contents = with_later_posts(space, no_posts(space), events)
        return build_index(space, table, store, events, MODEL, contents=contents)


def _longest(folder: Path) -> float:
    """Seconds of a build that nobody disturbs, from the moment when it begins."""
    child = _child(folder)
    begun = time.monotonic()
    child.communicate(timeout=_PATIENCE_S)
    if child.returncode:
        raise CommonspaceError("the first build failed")
    return time.monotonic() - begun


def _built(folder: Path, kill_after: float | None) -> Run:
    child = _child(folder)
    try:
        out, _ = child.communicate(timeout=_PATIENCE_S if kill_after is None else kill_after)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
        child.communicate()
        return Run(killed=True, resumed=0)
    if child.returncode:
        raise CommonspaceError(f"a build ended with {child.returncode}: {out}")
    return Run(killed=False, resumed=int(json.loads(out)["resumed"]))


def _child(folder: Path) -> "subprocess.Popen[str]":
    """A build that has begun."""
    command = [sys.executable, "-m", "infra.benchmarks.reindexing", "--build", str(folder)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    if child.stdout.readline() != "begun\n":
        child.communicate()
        raise CommonspaceError(f"a build did not begin: it ended with {child.returncode}")
    return child


def _fill(events: Events) -> None:
    events.add_posts([_post(number, "first") for number in range(POSTS)])
    events.add_people([Person(f"newcomer-{number}", f"about {number}") for number in range(20)])
    events.add_reactions(
        [Reaction(f"fan-{number}", f"post-{number}", "like") for number in range(PEOPLE)]
    )


def _post(number: int, what: str) -> Post:
    author = f"person-{number % PEOPLE}"
    return Post(f"post-{number}", author, f"Post {number}, {what}.", (f"tag-{number % 7}",))


def _change(folder: Path, chance: random.Random) -> None:
    """Write, write over, hide and delete some posts."""
    with Events(EventsConfig(), folder) as events:
        visible = sorted(id for id, public in events.visibility().items() if public)
        chosen = list(events.posts(chance.sample(visible, 4 * CHANGED)).values())
        for place, post in enumerate(chosen):
            match place % 4:
                case 0:
                    events.delete_post(post.post_id)
                case 1:
                    events.put_post(replace(post, private=True))
                case 2:
                    events.put_post(replace(post, text=f"Other words, {chance.random()}."))
                case _:
                    events.put_post(replace(post, tags=("other",)))
        for _ in range(CHANGED):
            events.put_post(_post(chance.randrange(10**6, 10**9), "later"))


def _compared(folder: Path) -> dict[str, int]:
    """What the index holds against what the event database says it must, by every vector."""
    from recsys.repair import verify

    with Events(EventsConfig(), folder) as events, VectorStore(IndexConfig(), folder) as store:
        view = store.live()
        public = [id for id, shown in events.visibility().items() if shown]
        posts = events.posts(public)
        lost, doubled, too_many, wrong = 0, 0, 0, 0
        for target in (Target.POSTS, Target.TEXTS):
            ids = [id for part in view.ids(target) for id in part]
            vectors = view.fetch(target, ids)
            lost += len(posts.keys() - vectors.keys())
            too_many += len(vectors.keys() - posts.keys())
            doubled += len(ids) - len(set(ids)) + abs(view.count(target) - len(ids))
            wrong += sum(
                not np.allclose(vectors[id], drawn(post.text or ""), atol=1e-5)
                for id, post in posts.items()
                if id in vectors
            )
        found = verify(events, store, view.version)
        people = [id for part in view.ids(Target.USERS) for id in part]
        doubled += len(people) - len(set(people))
        lost += len({f"newcomer-{number}" for number in range(20)} - set(people))
        return {
            "posts": len(posts),
            "people": len(people),
            "lost": lost,
            "doubled": doubled,
            "too_many": too_many,
            "wrong": wrong,
            "drift": found.drift.size + len(found.faults),
        }


def main() -> None:
    """Kill builds in a folder and print what became of the index, as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--build", action="store_true", help="Build once: what the children do.")
    chosen = parser.parse_args()
    if chosen.build:
        print(json.dumps({"resumed": build(chosen.folder).resumed}))
    else:
        print(json.dumps(killed_reindexing(chosen.folder, chosen.times)))


if __name__ == "__main__":
    main()
