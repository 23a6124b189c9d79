"""A recommendation with every source on, beside the search that it stands on."""

import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypedDict

import numpy as np

from recsys.candidates.asking import Asking
from recsys.candidates.source import Request
from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.events.database import Events
from recsys.events.records import Post, Reaction
from recsys.profiles import profile_of
from recsys.reacting import Reacting
from recsys.recommend import Recommender
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.reactions.config import ReactionConfig
from training.reactions.content import Content
from training.reactions.layout import largest_norm, post_vectors
from training.reactions.model import ReactionModel
from training.reactions.outcomes import APPROVES, REACTS, Question
from training.reactions.probabilities import KindModel
from training.reactions.signals import Background
from training.reactions.space import ReactionSpace

PEOPLE, LIKES = 1_000, 20
_GROUPS, _NOISE, _BATCH = 200, 0.8, 1000
_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_DIMENSION, _CONTENT = 382, 128


class Latency(TypedDict):
    """Milliseconds, medians over people and rounds."""

    posts: int
    dimension: int
    recommend_ms: float
    search_ms: float
    one_query_ms: float
    ratio: float
    answers: int


def answering(
    folder: Path, posts: int = 50_000, dimension: int = 128, people: int = 40, rounds: int = 3
) -> Latency:
    """Ask for people by turns: a recommendation, then its bare search.

    The bare search is the one batch that the recommender itself sends to Milvus for its nearest
    posts: the same queries, number of hits and condition.

    Args:
        folder: for the index and the events; filled at the first call.
        posts: in the index.
        dimension: of their vectors.
        people: asked in each round.
        rounds: after one that warms caches up.
    """
    index, config = IndexConfig(timeout_s=600), RecommendConfig()
    folder.mkdir(parents=True, exist_ok=True)
    with VectorStore(index, folder) as store, Events(EventsConfig(), folder) as events:
        if not (folder / "complete").exists():
            _fill(store, events, posts, dimension)
            (folder / "complete").touch()
        reacting = Reacting(_model(posts))
        recommender = Recommender(store, events, config, reacting=reacting, clock=lambda: _NOW)
        view = store.live()
        whole, bare, single, lengths = [], [], [], []
        for turn in range(rounds + 1):
            for number in range(people):
                person = f"person-{(turn * people + number) * 7 % PEOPLE:04d}"
                begun = time.perf_counter()
                found = recommender.recommend(person, 10, view=view)
                seconds = time.perf_counter() - begun
                if not turn:
                    continue
                whole.append(seconds)
                lengths.append(len(found))
                profile = profile_of(person, events, view, config)
                asking = Asking(profile, view, events, config, _NOW)
                request = Request(asking, config.candidates.count, profile.seen)
                rows = np.concatenate(list(asking.queries.values()))
                each, others = request.each(len(rows)), request.others
                begun = time.perf_counter()
                view.search(Target.POSTS, rows, each, others)
                bare.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                view.search(Target.POSTS, rows[:1], 10)
                single.append(time.perf_counter() - begun)
    recommend, search, one = (1000 * statistics.median(t) for t in (whole, bare, single))
    return Latency(
        posts=posts,
        dimension=dimension,
        recommend_ms=recommend,
        search_ms=search,
        one_query_ms=one,
        ratio=recommend / search,
        answers=min(lengths),
    )


def _fill(store: VectorStore, events: Events, count: int, dimension: int) -> None:
    """Posts in groups about random centres, and people who post and like in three of them."""
    random = np.random.default_rng(0)
    centres = _unit(random.standard_normal((_GROUPS, dimension)))
    build = store.begin("1", dimension)
    interests = random.integers(0, _GROUPS, (PEOPLE, 3))
    for start in range(0, count, _BATCH):
        numbers = np.arange(start, min(start + _BATCH, count))
        authors = numbers % PEOPLE
        groups = interests[authors, numbers // PEOPLE % 3]
        noise = random.standard_normal((len(numbers), dimension)) * (_NOISE / np.sqrt(dimension))
        posts = [
            Post(
                f"post-{n:06d}",
                f"person-{a:04d}",
                f"Post {n} of group {g}.",
                (f"group{g}", "all"),
                _NOW - timedelta(minutes=int(n)),
            )
            for n, a, g in zip(numbers, authors, groups, strict=True)
        ]
        events.add_posts(posts)
        build.insert(
            Target.POSTS, [post.post_id for post in posts], _unit(centres[groups] + noise), posts
        )
    people = [f"person-{number:04d}" for number in range(PEOPLE)]
    build.insert(Target.USERS, people, _unit(centres[interests].mean(axis=1)))
    for place, person in enumerate(people):
        liked = random.integers(0, count, LIKES)
        events.add_reactions(
            [
                Reaction(person, f"post-{n:06d}", "like", None, _NOW - timedelta(hours=place + i))
                for i, n in enumerate(liked)
            ]
        )
    store.publish(build)


def _model(posts: int) -> ReactionModel:
    """A model of reactions as large as a real one, of random numbers: here only its time counts."""
    random = np.random.default_rng(1)
    config = ReactionConfig()
    target = random.standard_normal((posts, _DIMENSION), dtype=np.float32)
    content = _unit(random.standard_normal((posts, 2 * _CONTENT), dtype=np.float32))
    lift = np.zeros(posts, dtype=np.float32)
    scale = largest_norm(target, content, config.content_weight, lift)
    space = ReactionSpace(
        config=config,
        post_ids=tuple(f"post-{n:06d}" for n in range(posts)),
        source=random.standard_normal((posts, _DIMENSION), dtype=np.float32),
        vectors=post_vectors(target, content, config.content_weight, lift, scale),
        content_block=content,
        popularity=np.full(posts, 1 / posts, dtype=np.float32),
        content=Content.of_state({}, config.content_dimension),
        ridge=np.zeros((0, _DIMENSION), dtype=np.float32),
        lift=0.0,
        scale=scale,
        temperature=1.0,
    )
    platt = KindModel(Question.AT_ALL, (5.0, 0.0, 0.0, 0.0, 0.0), -4.0, 1000)
    counts = np.ones((posts, 1))
    base = Background(("like",), np.arange(posts) % PEOPLE, counts[:, 0], counts, np.array([0.5]))
    return ReactionModel(space, {"like": platt}, base, {REACTS: platt, APPROVES: platt})


def _unit(rows: "np.ndarray | Sequence[float]") -> np.ndarray:
    values = np.asarray(rows, dtype=np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)
