"""Full-ranking retrieval in all eight directions, per query and in sum, in bounded memory.

Every query is ranked against every candidate (sampled negatives change the order of models:
Krichene and Rendle, KDD 2020), chunk by chunk over the queries.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.metrics import score_queries, summarise
from training.evaluation.tasks import RetrievalTask, retrieval_task

METRICS = ("recall@1", "recall@5", "recall@10", "mrr", "map", "ndcg@10", "median_rank")
DIRECTIONS = tuple(Direction)

# Scores closer than this are one score: float32 dot products of equal vectors differ by up to some
# 1e-7 with their place in the matrix, and a constant model must not profit from that.
SCORE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class QueryResults:
    """Results of one direction, query by query: for intervals, slices and paired comparisons.

    Attributes:
        queries: (Q,) row of the person (user queries) or of the post (all others).
        person: (Q,) row of the person behind the query (the author of a post); -1 if unknown.
        values: metric → (Q,) float.
    """

    queries: np.ndarray
    person: np.ndarray
    values: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.queries)

    def summary(self) -> dict[str, float]:
        """Metric → value over all queries."""
        return summarise(self.values)

    def where(self, mask: np.ndarray) -> "QueryResults":
        """The queries of a mask (Q,) bool: those of cold people, or of posts without a picture."""
        values = {name: each[mask] for name, each in self.values.items()}
        return QueryResults(self.queries[mask], self.person[mask], values)


def evaluate_retrieval(
    embedded: EmbeddedPosts,
    *,
    metrics: Sequence[str] = METRICS,
    directions: Sequence[Direction] = DIRECTIONS,
    memory_mb: int = 256,
) -> dict[str, dict[str, float]]:
    """Direction → metric → value; what the model can't do, or what has no query, is absent.

    Args and errors: as `retrieval_per_query`.
    """
    results = retrieval_per_query(
        embedded, metrics=metrics, directions=directions, memory_mb=memory_mb
    )
    return {direction.value: result.summary() for direction, result in results.items()}


def retrieval_per_query(
    embedded: EmbeddedPosts,
    *,
    metrics: Sequence[str] = METRICS,
    directions: Sequence[Direction] = DIRECTIONS,
    memory_mb: int = 256,
) -> dict[Direction, QueryResults]:
    """Results of each direction that the model can do, query by query.

    Args:
        embedded: the model's embeddings.
        metrics: registered names, e.g. `recall@20`.
        directions: a part of the eight, e.g. for a quick validation.
        memory_mb: bound on the score matrix and its working copies.
    Raises: BadConfig if a metric is unknown; ValueError if an embedding is NaN.
    """
    tasks = [retrieval_task(embedded, direction) for direction in directions]
    return {task.direction: _run(task, metrics, memory_mb) for task in tasks if task is not None}


def _run(task: RetrievalTask, metrics: Sequence[str], memory_mb: int) -> QueryResults:
    parts = [
        score_queries(task.scores(chunk), task.positives(chunk), metrics, tolerance=SCORE_TOLERANCE)
        for chunk in task.chunks(memory_mb)
    ]
    values = {name: np.concatenate([part[name] for part in parts]) for name in metrics}
    return QueryResults(task.queries.rows, task.queries.person, values)
