"""A recommendation over HTTP beside the search that it stands on, with fifty thousand posts."""

import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import requests

from infra.benchmarks.claims import Claim
from infra.benchmarks.process import served
from infra.benchmarks.world import World
from infra.product import ProductConfig, load_config
from recsys.candidates.asking import Asking
from recsys.candidates.source import Request
from recsys.config import RecommendConfig
from recsys.events.database import Events
from recsys.events.records import Post, Reaction
from recsys.profiles import profile_of
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View

COMMAND = "make bench-serving"
POSTS, PEOPLE, LIKES = 50_000, 1_000, 20
ASKED, ROUNDS = 40, 3
_GROUPS, _NOISE, _BATCH = 200, 0.8, 1000


def recommending(world: World) -> list[Claim]:
    """Milliseconds of a recommendation through HTTP, over those of its search alone."""
    config = load_config(None, world.settings, world.workspace)
    with VectorStore(config.index, world.workspace) as store:
        live = store.live()
        model, dimension = live.version.model, live.dimension
    large = world.workspace.parent / f"posts-{POSTS}-{dimension}"
    if not (large / "complete").exists():
        _fill(large, config, model, dimension)
    with served(large, world.settings) as service, requests.Session() as session:
        settings = load_config(None, world.settings, large)
        with VectorStore(settings.index, large) as store, Events(settings.events, large) as events:
            view = store.live()
            through, bare, single = [], [], []
            for turn in range(ROUNDS + 1):
                for number in range(ASKED):
                    person = f"person-{(turn * ASKED + number) * 7 % PEOPLE:04d}"
                    begun = time.perf_counter()
                    answer = session.get(f"{service.url}/v1/users/{person}/recommendations")
                    seconds = time.perf_counter() - begun
                    answer.raise_for_status()
                    if turn:  # the first round warms
                        through.append(seconds)
                        bare.append(_search(person, view, events, settings.recommend))
                        single.append(_one_query(person, view))
    http, alone, one = (1000 * statistics.median(times) for times in (through, bare, single))
    detail = f"{http:.0f} ms, its search {alone:.0f} ms, a search of one query {one:.0f} ms"
    return [
        Claim(
            f"recommendations among {POSTS:,} posts, p50 over the bare search of the same size",
            http / alone,
            "<= 1.5",
            COMMAND,
            detail,
        )
    ]


def _search(person: str, view: View, events: Events, config: RecommendConfig) -> float:
    """Seconds of the one search that the recommender makes: its queries, count and condition."""
    profile = profile_of(person, events, view, config)
    asking = Asking(profile, view, events, config, datetime.now(UTC))
    request = Request(asking, config.candidates.count, profile.seen)
    queries = np.concatenate(list(asking.queries.values()))
    each, others = request.each(len(queries)), request.others
    begun = time.perf_counter()
    view.search(Target.POSTS, queries, each, others)
    return time.perf_counter() - begun


def _one_query(person: str, view: View) -> float:
    vector = view.fetch(Target.USERS, [person])[person]
    begun = time.perf_counter()
    view.search(Target.POSTS, vector[None], 10)
    return time.perf_counter() - begun


def _fill(folder: Path, config: ProductConfig, model: str, dimension: int) -> None:
    """Posts in groups about random centres, and people who post and like in three of them."""
    random = np.random.default_rng(0)
    centres = _unit(random.standard_normal((_GROUPS, dimension)))
    with VectorStore(config.index, folder) as store, Events(config.events, folder) as events:
        build = store.begin(model, dimension)
        interests = random.integers(0, _GROUPS, (PEOPLE, 3))
        for start in range(0, POSTS, _BATCH):
            numbers = np.arange(start, start + _BATCH)
            authors = numbers % PEOPLE
            groups = interests[authors, numbers // PEOPLE % 3]
            noise = random.standard_normal((_BATCH, dimension)) * (_NOISE / np.sqrt(dimension))
            vectors = _unit(centres[groups] + noise)
            posts = [
                Post(f"post-{n:06d}", f"person-{a:04d}", f"Post {n} of group {g}.")
                for n, a, g in zip(numbers, authors, groups, strict=True)
            ]
            events.add_posts(posts)
            build.insert(Target.POSTS, [post.post_id for post in posts], vectors, posts)
        people = [f"person-{number:04d}" for number in range(PEOPLE)]
        build.insert(Target.USERS, people, _unit(centres[interests].mean(axis=1)))
        for person in people:
            liked = random.integers(0, POSTS, LIKES)
            events.add_reactions([Reaction(person, f"post-{n:06d}", "like") for n in liked])
        store.publish(build)
    (folder / "complete").touch()


def _unit(rows: "np.ndarray | Sequence[float]") -> np.ndarray:
    values = np.asarray(rows, dtype=np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)
