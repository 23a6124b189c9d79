"""Writing one new version of the index: its collections, their rows, and the check of both."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.milvus import Milvus
from recsys.versions import PARTS, WEIGHTS, Names, Target, Version
from recsys.view import View
from training.data.identity import is_good_id
from training.errors import BadData, CommonspaceError

ID_LENGTH = 128
LANGUAGE_LENGTH = 64
_FLUSH_S = 3600
"""Lite builds a collection's index while it flushes: a minute or so for half a million rows."""


class Build:
    """A version that grows beside the live one; nobody reads it before it is published.

    Args:
        milvus: connection; this process is its only writer.
        names: names of the collections.
        version: that is built.
        dimension: D of every vector.
        config: kind of index, and how many rows to insert at a time.
    """

    def __init__(
        self, milvus: Milvus, names: Names, version: Version, dimension: int, config: IndexConfig
    ) -> None:
        self._milvus = milvus
        self._names = names
        self._batch_size = config.batch_size
        self.version = version
        self.dimension = dimension
        self.inserted: Counter[Target] = Counter()
        for part in PARTS:
            self._create(part, config.resolved_kind)

    def insert(
        self,
        target: Target,
        ids: Sequence[str],
        vectors: np.ndarray,
        posts: Sequence[Post] | None = None,
    ) -> None:
        """Add rows; no id twice in a build.

        Args:
            target: users, images, texts or posts.
            ids: n ids.
            vectors: (n, D) unit rows.
            posts: the n posts, for all targets but users.
        Raises: BadData for an id that Milvus can't hold, or a vector that isn't finite and of
            length 1.
        """
        if not len(ids):
            return
        rows = _rows(ids, vectors, self.dimension)
        if posts is not None:
            for row, post in zip(rows, posts, strict=True):
                row |= _post_fields(post)
        for start in range(0, len(rows), self._batch_size):
            batch = rows[start : start + self._batch_size]
            self._milvus("insert", self._names.collection(target, self.version), batch)
            self.inserted[target] += len(batch)

    def weigh(self, weights: Mapping[str, np.ndarray]) -> None:
        """Record how the model weighs queries; direction to (D,). See `View.aimed`.

        Raises: BadData for weights that aren't finite, or of another dimension.
        """
        for direction, row in weights.items():
            if row.shape != (self.dimension,) or not np.isfinite(row).all():
                raise BadData(f"the query weights of {direction} aren't {self.dimension} numbers")
        rows = [{"id": name, "vector": row.astype(np.float32)} for name, row in weights.items()]
        if rows:
            self._milvus("insert", self._names.collection(WEIGHTS, self.version), rows)

    def verify(self) -> dict[Target, int]:
        """Bring all rows to disk and count them; rows by target.

        Raises: CommonspaceError if Milvus holds another number than was inserted.
        """
        for part in PARTS:
            name = self._names.collection(part, self.version)
            self._milvus("flush", name, timeout=_FLUSH_S)
            self._milvus("load_collection", name)
        view = View.open(self._milvus, self._names, self.version)
        counts = {}
        for target in Target:
            counts[target] = view.count(target)
            if counts[target] != self.inserted[target]:
                raise CommonspaceError(
                    f"{self.version} holds {counts[target]} of {self.inserted[target]} {target}",
                    hint="it was not put into use; the old version goes on. Index again",
                )
        return counts

    def _create(self, part: str, kind: str) -> None:
        from pymilvus import DataType, MilvusClient

        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_LENGTH)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=self.dimension)
        if part in (Target.IMAGES, Target.TEXTS, Target.POSTS):
            schema.add_field("author", DataType.VARCHAR, max_length=ID_LENGTH)
            schema.add_field(
                "language", DataType.VARCHAR, max_length=LANGUAGE_LENGTH, nullable=True
            )
            schema.add_field("created_at", DataType.INT64, nullable=True)  # seconds since 1970
        index = MilvusClient.prepare_index_params()
        index.add_index(
            "vector",
            index_type=kind,
            metric_type="IP",  # of unit vectors: the cosine
            params={"M": 16, "efConstruction": 200} if kind == "HNSW" else {},
        )
        name = self._names.collection(part, self.version)
        self._milvus("create_collection", name, schema=schema)
        # without waiting: an empty collection's index is there at once, but pymilvus would sleep
        self._milvus("create_index", name, index, sync=False)


def _rows(ids: Sequence[str], vectors: np.ndarray, dimension: int) -> list[dict[str, object]]:
    if vectors.shape != (len(ids), dimension):
        raise BadData(
            f"{len(ids)} vectors of {dimension} dimensions were expected, "
            f"not an array of {vectors.shape}"
        )
    bad = next((id for id in ids if not is_good_id(id)), None)
    if bad is not None:
        raise BadData(f"id {bad!r:.140} must be 1 to 128 of the characters A-Za-z0-9_.:@/-")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1) < 1e-3)  # NaN compares false, and is wrong
    if wrong.any():
        at = int(np.argmax(wrong))
        raise BadData(
            f"the embedding of {ids[at]} has length {lengths[at]:.4g}, not 1",
            hint="the model is broken; train it again or promote another version",
        )
    return [
        {"id": id, "vector": vector}
        for id, vector in zip(ids, vectors.astype(np.float32), strict=True)
    ]


def post_rows(
    posts: Sequence[Post], vectors: np.ndarray, dimension: int
) -> list[dict[str, object]]:
    """Rows of a collection of posts, images or texts.

    Args:
        posts: n posts.
        vectors: (n, D) unit rows.
        dimension: D.
    Raises: BadData as `Build.insert`.
    """
    rows = _rows([post.post_id for post in posts], vectors, dimension)
    return [row | _post_fields(post) for row, post in zip(rows, posts, strict=True)]


def _post_fields(post: Post) -> dict[str, object]:
    language = post.language
    return {
        "author": post.user_id,
        "language": language if language and len(language.encode()) <= LANGUAGE_LENGTH else None,
        "created_at": int(post.created_at.timestamp()) if post.created_at else None,
    }
