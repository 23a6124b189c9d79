"""Queries to look at: some drawn at random, and those that the model fails worst."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.retrieval import QueryResults
from training.evaluation.tasks import RetrievalTask, retrieval_task


@dataclass(frozen=True)
class Retrieved:
    """One query, what came back, and what should have come.

    Attributes:
        query: row of the person or post.
        results: (k,) rows of people or posts, best first.
        matches: (k,) bool.
        expected: row of the match that stands highest.
        rank: of that match, from 1.
        average_precision: of the query, in [0, 1].
    """

    query: int
    results: tuple[int, ...]
    matches: tuple[bool, ...]
    expected: int
    rank: int
    average_precision: float


@dataclass(frozen=True)
class Gallery:
    """What is shown of a direction."""

    direction: Direction
    typical: tuple[Retrieved, ...]
    worst: tuple[Retrieved, ...]


def galleries(
    embedded: EmbeddedPosts,
    per_query: dict[Direction, QueryResults],
    *,
    typical: int = 2,
    worst: int = 3,
    top: int = 5,
    seed: int = 0,
) -> list[Gallery]:
    """A gallery for each direction that the model can do.

    Args:
        embedded: the model's embeddings of the evaluation split.
        per_query: its results there, with `map` among the metrics.
        typical: queries drawn at random, each of another person where there are enough.
        worst: queries of the lowest average precision, likewise.
        top: results of each.
        seed: of the draw.
    """
    found = []
    for direction, results in per_query.items():
        task = retrieval_task(embedded, direction)
        if task is None:
            continue
        precision = results.values["map"]
        drawn = np.random.default_rng(seed).permutation(len(results))
        lowest = np.argsort(precision, kind="stable")
        shown, failed = (
            tuple(_look_up(task, query, top, float(precision[query])) for query in chosen)
            for chosen in (
                _of_different_people(drawn, results.person, typical),
                _of_different_people(lowest, results.person, worst),
            )
        )
        found.append(Gallery(direction, shown, failed))
    return found


def _of_different_people(order: np.ndarray, person: np.ndarray, count: int) -> list[int]:
    """The first of the order, one a person as long as there are people left."""
    firsts = np.unique(person[order], return_index=True)[1]
    first = np.zeros(len(order), dtype=bool)
    first[firsts] = True
    return np.concatenate([order[first], order[~first]])[:count].tolist()


def _look_up(task: RetrievalTask, query: int, top: int, precision: float) -> Retrieved:
    one = np.array([query])
    scores, positives = task.scores(one)[0], task.positives(one)[0]
    order = np.lexsort((positives, -scores))  # ties count against the model, as in the metrics
    best, rank = order[:top], int(np.argmax(positives[order]))
    rows = task.candidates.rows
    return Retrieved(
        query=int(task.queries.rows[query]),
        results=tuple(rows[best].tolist()),
        matches=tuple(positives[best].tolist()),
        expected=int(rows[order[rank]]),
        rank=rank + 1,
        average_precision=precision,
    )
