"""How much of the truth an approximate search finds, and how long each kind of search takes.

Milvus Lite is asked as the product asks it, by a view of a version. A Milvus server needs a machine
of its own, so its HNSW is stood in for by that of faiss, built and searched with the numbers that
the product gives a server: the graph, and so what is found, is of the same kind; the latency is
that of a library call and says nothing of a server's.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.schema import EF_CONSTRUCTION, M
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View, ef

K, BATCH = 10, 10
TOPICS, SUBTOPICS = 60, 40
_AT_ONCE = 1000

Search = Callable[[np.ndarray], np.ndarray]
"""(Q, D) queries to the (Q, K) rows that are nearest, best first."""


@dataclass(frozen=True)
class Measured:
    """One kind of search.

    Attributes:
        kind: which.
        build_s: seconds to fill and build it.
        recall: share of the K true neighbours that it finds, mean over the queries.
        one_p50_ms: of a call with one query; `one_p95_ms` likewise.
        batch_p50_ms: of a call with `BATCH` queries; `batch_p95_ms` likewise.
    """

    kind: str
    build_s: float
    recall: float
    one_p50_ms: float
    one_p95_ms: float
    batch_p50_ms: float
    batch_p95_ms: float


def nearest(
    posts: int,
    dimension: int = 128,
    queries: int = 200,
    *,
    told: Callable[[Measured], None] = lambda _: None,
) -> dict:
    """Recall and latency of every kind of search among so many posts.

    Args:
        posts: N.
        dimension: D of the vectors, which come in topics and subtopics of uneven size.
        queries: Q, drawn as the posts are; two hundred at least for a p95.
        told: called with each search as it is measured; half a million posts take a while.
    Returns: posts, dimension, queries, k, batch, the HNSW's numbers, and `searches`: a list of
        `Measured` as dictionaries. Exact search by numpy is the truth.
    """
    everything = clustered(posts + queries, dimension)
    rows, asked = everything[:posts], everything[posts:]
    truth = _numpy(rows)(asked)
    measured = []

    def measure(kind: str, build_s: float, search: Search) -> None:
        measured.append(_measured(kind, build_s, search, asked, truth))
        told(measured[-1])

    measure("numpy, exact", 0.0, _numpy(rows))
    for kind, name in (("Flat", "faiss Flat, exact"), ("HNSW", "faiss HNSW, for a server's")):
        begun = time.perf_counter()
        search = _faiss(kind, rows)
        measure(name, time.perf_counter() - begun, search)
        del search
    for kind in ("FLAT", "HNSW"):
        with (
            tempfile.TemporaryDirectory() as folder,
            VectorStore(IndexConfig(kind=kind, cache_mb=0), Path(folder)) as store,
        ):
            begun = time.perf_counter()
            view = _filled(store, rows)
            measure(f"Milvus Lite {kind}", time.perf_counter() - begun, _milvus(view))
    return {
        "posts": posts,
        "dimension": dimension,
        "queries": queries,
        "k": K,
        "batch": BATCH,
        "hnsw": {"M": M, "efConstruction": EF_CONSTRUCTION, "ef": ef(K)},
        "searches": [asdict(one) for one in measured],
    }


def clustered(count: int, dimension: int, seed: int = 0) -> np.ndarray:
    """(N, D) unit rows as a network has them: topics, some far larger than others, of subtopics."""
    random = np.random.default_rng(seed)
    scale = 1 / np.sqrt(dimension)
    topics = random.standard_normal((TOPICS, 1, dimension)) * scale
    within = random.standard_normal((TOPICS, SUBTOPICS, dimension)) * scale
    centres = (topics + 0.7 * within).reshape(-1, dimension).astype(np.float32)
    share = 1 / np.arange(1, len(centres) + 1) ** 0.7
    which = random.choice(len(centres), count, p=random.permutation(share / share.sum()))
    noise = random.standard_normal((count, dimension), dtype=np.float32) * np.float32(0.8 * scale)
    rows = centres[which] + noise
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def table(found: dict) -> str:
    """What `nearest` returned, as Markdown."""
    lines = [
        f"{found['posts']:,} posts of {found['dimension']} dimensions, {found['queries']} queries",
        "",
        "| search | recall@10 | one query p50 / p95 | ten queries p50 / p95 | built in |",
        "|---|---|---|---|---|",
    ]
    for one in found["searches"]:
        lines.append(
            f"| {one['kind']} | {one['recall']:.4f} "
            f"| {one['one_p50_ms']:.2f} / {one['one_p95_ms']:.2f} ms "
            f"| {one['batch_p50_ms']:.2f} / {one['batch_p95_ms']:.2f} ms | {one['build_s']:.0f} s |"
        )
    return "\n".join(lines)


def _measured(
    kind: str, build_s: float, search: Search, asked: np.ndarray, truth: np.ndarray
) -> Measured:
    found = np.concatenate(
        [search(asked[start : start + BATCH]) for start in range(0, len(asked), BATCH)]
    )
    shares = [len(np.intersect1d(one, true)) / K for one, true in zip(found, truth, strict=True)]
    one = _times(search, [asked[at : at + 1] for at in range(len(asked))])
    batches = [
        np.take(asked, range(at, at + BATCH), axis=0, mode="wrap") for at in range(len(asked))
    ]
    ten = _times(search, batches[:: max(1, len(batches) // 100)])
    return Measured(
        kind=kind,
        build_s=round(build_s, 1),
        recall=round(float(np.mean(shares)), 4),
        one_p50_ms=round(float(np.percentile(one, 50)), 3),
        one_p95_ms=round(float(np.percentile(one, 95)), 3),
        batch_p50_ms=round(float(np.percentile(ten, 50)), 3),
        batch_p95_ms=round(float(np.percentile(ten, 95)), 3),
    )


def _times(search: Search, calls: list[np.ndarray]) -> list[float]:
    """Milliseconds of each call."""
    times = []
    for queries in calls:
        begun = time.perf_counter()
        search(queries)
        times.append(1000 * (time.perf_counter() - begun))
    return times


def _numpy(rows: np.ndarray) -> Search:
    def search(queries: np.ndarray) -> np.ndarray:
        scores = queries @ rows.T
        best = np.argpartition(scores, -K, axis=1)[:, -K:]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1)

    return search


def _faiss(kind: str, rows: np.ndarray) -> Search:
    import faiss

    dimension = rows.shape[1]
    if kind == "Flat":
        index = faiss.IndexFlatIP(dimension)
    else:
        index = faiss.IndexHNSWFlat(dimension, M, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = EF_CONSTRUCTION
        index.hnsw.efSearch = ef(K)
    index.add(rows)  # pyright: ignore[reportCallIssue]  faiss' stubs are those of C++
    return lambda queries: index.search(queries, K)[1]  # pyright: ignore[reportCallIssue]


def _filled(store: VectorStore, rows: np.ndarray) -> View:
    build = store.begin("1", rows.shape[1])
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        posts = [Post(f"{start + place}", "someone") for place in range(len(part))]
        build.insert(Target.POSTS, [post.post_id for post in posts], part, posts)
    store.publish(build)
    return store.live()


def _milvus(view: View) -> Search:
    def search(queries: np.ndarray) -> np.ndarray:
        found = view.search(Target.POSTS, queries, K)
        return np.array([[int(near.id) for near in answer] for answer in found])

    return search


def main() -> None:
    """Measure and print, as a table or as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("posts", type=int)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = nearest(
        chosen.posts,
        chosen.dimension,
        chosen.queries,
        told=lambda one: print(one, file=sys.stderr, flush=True),
    )
    print(json.dumps(found, indent=1) if chosen.json else table(found))


if __name__ == "__main__":
    main()
