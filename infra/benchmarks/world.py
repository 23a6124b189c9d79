"""What is served while it is measured: a copy of a workspace, so that no measurement changes it."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infra.benchmarks.load import Ask
from infra.product import load_config
from training.errors import NotFound


@dataclass(frozen=True)
class World:
    """A copied workspace, and what to ask about it.

    Attributes:
        workspace: the copy; models are still the original's.
        settings: `field=value`, for whoever serves it.
        people: ids, those with most posts first.
        posts: ids of public posts.
        texts: what posts say.
    """

    workspace: Path
    settings: tuple[str, ...]
    people: tuple[str, ...]
    posts: tuple[str, ...]
    texts: tuple[str, ...]


def copy_of(workspace: Path, to: Path) -> World:
    """Copy the index and the event database of a workspace that nobody has open.

    Raises: NotFound if it has no index.
    """
    from recsys.events.database import Events

    config = load_config(None, (), workspace)
    source = Path(config.index.location(workspace))
    if not source.is_dir():
        raise NotFound(f"nothing is indexed in {workspace}", hint="run `make demo` first")
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(source, to / config.index.uri)
    for file in workspace.glob("events.db*"):
        shutil.copy2(file, to / file.name)
    with Events(config.events, to) as events:
        visible = [id for id, public in events.visibility().items() if public]
        people = [who for who, _ in events.users_page("", 0, 200)]
        chosen = random.Random(0).sample(visible, min(len(visible), 1000))
        texts = [post.text for post in events.posts(chosen).values() if post.text]
    tracking = config.tracking.uri or f"sqlite:///{workspace.resolve() / 'mlflow.db'}"
    return World(to, (f"tracking.uri={tracking}",), tuple(people), tuple(chosen), tuple(texts))


def mixed_reads(world: World) -> list[Callable[[int], Ask]]:
    """Makers of the reads that applications send, one of each kind."""

    def person(number: int) -> str:
        return world.people[number * 7 % len(world.people)]

    def text(number: int) -> str:
        return world.texts[number * 13 % len(world.texts)][:500]

    def post(number: int) -> str:
        return world.posts[number * 11 % len(world.posts)]

    return [
        lambda n: Ask("recommend", "GET", f"/v1/users/{person(n)}/recommendations"),
        lambda n: Ask("search", "POST", "/v1/search", {"query": [{"text": text(n)}]}),
        lambda n: Ask("similar", "GET", f"/v1/users/{person(n)}/similar?limit=5"),
        lambda n: Ask("embed", "POST", "/v1/embeddings/texts", {"texts": [text(n)]}),
        lambda n: Ask("related", "GET", f"/v1/posts/{post(n)}/related?limit=5"),
        lambda n: Ask("post", "GET", f"/v1/posts/{post(n)}"),
    ]


def writes(prefix: str) -> list[Callable[[int], Ask]]:
    """Makers of writes: a new post each time, and a reaction with a key."""

    def put(number: int) -> Ask:
        post_id = f"{prefix}/{number:06d}"
        body = {"user_id": f"{prefix}-writer", "text": f"Post {number} of the measurement."}
        return Ask("put", "PUT", f"/v1/posts/{post_id}", body, post_id)

    def react(number: int) -> Ask:
        one = {
            "user_id": f"{prefix}-reader",
            "post_id": f"{prefix}/{number:06d}",
            "kind": "like",
            "key": f"{prefix}-{number}",
        }
        return Ask("react", "POST", "/v1/reactions", {"reactions": [one]}, f"{prefix}-{number}")

    return [put, react]
