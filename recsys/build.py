"""Writing one new version of the index: its collections, their rows, and the check of both."""

import logging
import time
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
from recsys.written import Written
from training.data.identity import IdSet, hash_id
from training.errors import BadData, CommonspaceError

log = logging.getLogger(__name__)

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
        resumed: whether it was begun before, and goes on.

    Attributes:
        written: is told of every row, if it is set before the first.
    """

    def __init__(
        self,
        milvus: Milvus,
        names: Names,
        version: Version,
        dimension: int,
        config: IndexConfig,
        *,
        resumed: bool = False,
    ) -> None:
        self._milvus = milvus
        self._names = names
        self._batch_size = config.batch_size
        self.version = version
        self.dimension = dimension
        self.resumed = resumed
        self.inserted: Counter[Target] = Counter()
        self.written: Written | None = None
        self._there: dict[Target, set[str]] = {}
        if resumed:
            view = self.view()
            self._there = {
                target: {id for ids in view.ids(target) for id in ids} for target in Target
            }
            self.inserted.update({target: len(ids) for target, ids in self._there.items()})
            return
        for part in PARTS:
            name = names.collection(part, version)
            create_collection(milvus, name, part, dimension, config.resolved_kind)
        posts = names.collection(Target.POSTS, version)
        milvus("create_alias", posts, names.begun(version, now()))

    def view(self) -> View:
        """What it holds so far, on disk and in memory."""
        for part in PARTS:
            name = self._names.collection(part, self.version)
            self._milvus("flush", name, timeout=_FLUSH_S)
            self._milvus("load_collection", name)
        return View.open(self._milvus, self._names, self.version)

    def contents(self, target: Target) -> dict[str, int]:
        """Marks of the content of rows that were there when a build went on; id to mark."""
        if not self.resumed:
            return {}
        return {id: marks.content for rows in self.view().marks(target) for id, marks in rows}

    def recount(self, view: View) -> None:
        """Take what is listed for what was inserted; after rows were written past `insert`."""
        for target in Target:
            seen = IdSet()
            for ids in view.ids(target):
                seen.add(np.array([hash_id(id) for id in ids], dtype=np.uint64))
            self.inserted[target] = len(seen)

    def insert(
        self,
        target: Target,
        ids: Sequence[str],
        vectors: np.ndarray,
        posts: Sequence[Post] | None = None,
        contents: Sequence[int] | None = None,
    ) -> None:
        """Add rows; no id twice in a build, but for those that were there when it went on.

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
        there = self._there.get(target, set[str]())
        method = "upsert" if there else "insert"  # a server would hold an id twice
        for start in range(0, len(rows), self._batch_size):
            batch = rows[start : start + self._batch_size]
            name = self._names.collection(target, self.version)
            self._milvus(method, name, batch, timeout=_FLUSH_S)  # it may have to flush first
            self.inserted[target] += sum(row["id"] not in there for row in batch)
            self._note(target, batch)

    def _note(self, target: Target, rows: Sequence[Mapping[str, object]]) -> None:
        if self.written is None:
            return
        try:
            self.written.add(target, rows)
        except OSError as error:
            log.warning("no room for a record of what is written, which is listed then: %s", error)
            self.written = None

    def weigh(self, weights: Mapping[str, np.ndarray]) -> None:
        """Record how the model weighs queries; direction to (D,). See `View.aimed`.

        Raises: BadData for weights that aren't finite, or of another dimension.
        """
        for direction, row in weights.items():
            if row.shape != (self.dimension,) or not np.isfinite(row).all():
                raise BadData(f"the query weights of {direction} aren't {self.dimension} numbers")
        rows = [{"id": name, "vector": row.astype(np.float32)} for name, row in weights.items()]
        if rows:
            self._milvus("upsert", self._names.collection(WEIGHTS, self.version), rows)

    def verify(self) -> dict[Target, int]:
        """Bring all rows to disk and count them; rows by target.

        Raises: CommonspaceError if Milvus holds another number than was inserted.
        """
        view = self.view()
        counts = {}
        for target in Target:
            counts[target] = view.count(target)
            if counts[target] != self.inserted[target]:
                raise CommonspaceError(
                    f"{self.version} holds {counts[target]} of {self.inserted[target]} {target}",
                    hint="it was not put into use; the old version goes on. Index again",
                )
        return counts


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())
