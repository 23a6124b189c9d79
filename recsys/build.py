"""Writing one new version of the index: its collections, their rows, and the check of both."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.milvus import Milvus
from recsys.rows import post_rows, rows_of
from recsys.schema import create_collection
from recsys.versions import PARTS, WEIGHTS, Names, Target, Version
from recsys.view import View
from training.errors import BadData, CommonspaceError

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
            name = names.collection(part, version)
            create_collection(milvus, name, part, dimension, config.resolved_kind)

    def insert(
        self,
        target: Target,
        ids: Sequence[str],
        vectors: np.ndarray,
        posts: Sequence[Post] | None = None,
        contents: Sequence[int] | None = None,
    ) -> None:
        """Add rows; no id twice in a build.

        Args:
            target: users, images, texts or posts.
            ids: n ids.
            vectors: (n, D) unit rows.
            posts: the n posts, for all targets but users.
            contents: n marks of what the vectors were made of; None: of what the posts hold.
        Raises: BadData for an id that Milvus can't hold, or a vector that isn't finite and of
            length 1.
        """
        if not len(ids):
            return
        if posts is None:
            rows = rows_of(ids, vectors, self.dimension, contents or [0] * len(ids))
        else:
            rows = post_rows(posts, vectors, self.dimension, contents)
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
