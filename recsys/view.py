"""Reading one version of the index."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import numpy as np

from recsys.filters import Everything, Filter, among_ids
from recsys.marks import Marks
from recsys.milvus import Milvus
from recsys.vector_cache import FRESH_S, VectorCache
from recsys.versions import WEIGHTS, Names, Target, Version
from training.errors import Conflict

MOST = 16_384
"""Milvus returns no more than this for one query."""
MARKS = ("content_mark", "fields_mark")
_FETCHED_AT_ONCE = 1000
_LISTED_AT_ONCE = 16_000  # nearly what Milvus allows: Lite reads all rows for each page


@dataclass(frozen=True)
class Near:
    """A row that a search found.

    Attributes:
        id: of the post or person.
        score: cosine to the query, to a millionth: beyond that, equal vectors differ.
    """

    id: str
    score: float


class View:
    """The collections of one version; a query that keeps to one view can't mix versions.

    Every method raises `Vanished` if the version was dropped meanwhile; `VectorStore.read` begins
    anew then.

    Args:
        milvus: connection.
        names: names of the collections.
        version: which.
        dimension: D of every vector.
        weights: direction to (D,) weights of a query's coordinates; see `aimed`.
        cache: of vectors, which the views of a process share.
        fields: of a post's row; an index of an older release has fewer.
        begun: when its build was begun; None for one of an older release.
    """

    def __init__(
        self,
        milvus: Milvus,
        names: Names,
        version: Version,
        dimension: int,
        weights: Mapping[str, np.ndarray],
        cache: VectorCache | None = None,
        fields: frozenset[str] = frozenset(),
        begun: datetime | None = None,
    ) -> None:
        self._milvus = milvus
        self._names = names
        self.version = version
        self.dimension = dimension
        self._weights = weights
        self._cache = cache or VectorCache(0)
        self.fields = fields
        self.begun = begun

    @classmethod
    def open(
        cls,
        milvus: Milvus,
        names: Names,
        version: Version,
        cache: VectorCache | None = None,
        begun: datetime | None = None,
    ) -> Self:
        """Read what belongs to the version as a whole; its collections must be in memory."""
        name = names.collection(WEIGHTS, version)
        sizes = described(milvus, name)
        fields = frozenset(described(milvus, names.collection(Target.POSTS, version)))
        rows = milvus("query", name, filter='id != ""', output_fields=["id", "vector"])
        weights = {row["id"]: np.asarray(row["vector"], dtype=np.float32) for row in rows}
        return cls(milvus, names, version, sizes["vector"], weights, cache, fields, begun)

    def aimed(self, vectors: np.ndarray, asker: Target, target: Target) -> np.ndarray:
        """Vectors as the model asks with them: coordinates weighed by direction.

        A model may keep coordinates for some pairs of modalities; a person who asks for images is
        then compared by others than one who asks for texts. What is asked for stays as it is.

        Args:
            vectors: (Q, D) unit rows.
            asker: what they are.
            target: what they look for.
        Returns: (Q, D) unit rows; the same where the model weighs nothing.
        """
        weights = self._weights.get(asker.asks(target))
        if weights is None or not len(vectors):
            return vectors
        weighed = vectors * weights
        return weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-12)

    def search(
        self, target: Target, queries: np.ndarray, k: int, where: Filter | None = None
    ) -> list[list[Near]]:
        """The nearest rows of each query, best first, equal scores by id.

        Args:
            target: what to search.
            queries: (Q, D) float32 unit rows; one request whatever Q is.
            k: how many per query; at most 16,384 are returned.
            where: condition on the rows. What it says of fields that an index of an older release
                lacks is passed over: more is found then, and the caller, who asks the event
                database in any case, drops it.
        Raises: Conflict if D is another than the index's.
        """
        if queries.ndim != 2 or queries.shape[1] != self.dimension:
            raise Conflict(
                f"the index has {self.dimension} dimensions, the query {queries.shape[-1]}",
                hint="they come from different models; build the index again",
            )
        if not len(queries):
            return []
        k = min(k, MOST)
        answers = self._milvus(
            "search",
            self._names.collection(target, self.version),
            data=list(np.ascontiguousarray(queries, dtype=np.float32)),
            anns_field="vector",
            limit=k,
            **self._milvus.condition((where or Everything()).within(self.fields | {"id"})),
            output_fields=["id"],
            search_params={"metric_type": "IP", "params": {"ef": ef(k)}},
        )
        return [
            sorted(
                (Near(str(hit["id"]), round(float(hit["distance"]), 6)) for hit in answer),
                key=lambda near: (-near.score, near.id),
            )
            for answer in answers
        ]

    def search_with_vectors(
        self, target: Target, queries: np.ndarray, k: int, where: Filter | None = None
    ) -> tuple[list[list[Near]], dict[str, np.ndarray]]:
        """As `search`, and the (D,) vectors of all that was found and is still there, by id.

        Vectors that are in the cache and agree with the scores needn't be fetched, which would
        take as long as the search.
        """
        found = self.search(target, queries, k, where)
        first: dict[str, tuple[int, float]] = {}
        for row, answer in enumerate(found):
            for near in answer:
                first.setdefault(near.id, (row, near.score))
        ids = list(first)
        rows = np.array([row for row, _ in first.values()], dtype=np.int64)
        scores = np.array([score for _, score in first.values()], dtype=np.float32)
        vectors = self._cache.proved(self.version, target, ids, queries[rows], scores)
        return found, vectors | self.fetch(target, [id for id in ids if id not in vectors])

    def fetch(self, target: Target, ids: Sequence[str]) -> dict[str, np.ndarray]:
        """Vectors (D,) float32 by id; ids that aren't in the index are left out."""
        found: dict[str, np.ndarray] = {}
        for start in range(0, len(ids), _FETCHED_AT_ONCE):
            rows = self._milvus(
                "query",
                self._names.collection(target, self.version),
                **self._milvus.condition(among_ids(ids[start : start + _FETCHED_AT_ONCE])),
                output_fields=["id", "vector"],
            )
            for row in rows:
                found[str(row["id"])] = np.asarray(row["vector"], dtype=np.float32)
        self._cache.keep(self.version, target, found)
        return found

    def recent(
        self, target: Target, ids: Sequence[str], within_s: float = FRESH_S
    ) -> dict[str, np.ndarray]:
        """As `fetch`, by what was so at most `within_s` seconds ago."""
        found = self._cache.recent(self.version, target, ids, within_s)
        return found | self.fetch(target, [id for id in ids if id not in found])

    def ids(self, target: Target) -> Iterator[list[str]]:
        """All ids, some thousand at a time, in no order."""
        rows = self._milvus(
            "query_iterator",
            self._names.collection(target, self.version),
            batch_size=_LISTED_AT_ONCE,
            output_fields=["id"],
        )
        try:
            while found := rows.next():
                yield [str(row["id"]) for row in found]
        finally:
            rows.close()

    @property
    def marked(self) -> bool:
        """Whether rows have marks; those of an index of an older release have none."""
        return MARKS[0] in self.fields

    def marks(self, target: Target) -> Iterator[list[tuple[str, Marks]]]:
        """By what rows are compared with the event database, some thousand ids at a time.

        An id that comes twice is there twice. Only if `marked`.
        """
        names = MARKS[:1] if target is Target.USERS else MARKS
        rows = self._milvus(
            "query_iterator",
            self._names.collection(target, self.version),
            batch_size=_LISTED_AT_ONCE,
            output_fields=["id", *names],
        )
        try:
            while found := rows.next():
                yield [
                    (str(row["id"]), Marks(*(int(row[name]) for name in names))) for row in found
                ]
        finally:
            rows.close()

    def dimensions(self) -> dict[Target, int]:
        """Of the vectors of each collection."""
        return {
            target: described(self._milvus, self._names.collection(target, self.version))["vector"]
            for target in Target
        }

    def count(self, target: Target) -> int:
        """How many rows there are, every acknowledged one included."""
        rows = self._milvus(
            "query",
            self._names.collection(target, self.version),
            filter="",
            output_fields=["count(*)"],
            consistency_level="Strong",
        )
        return int(rows[0]["count(*)"])


def ef(k: int) -> int:
    """How many rows HNSW looks at for the k nearest, which must be k or more; FLAT ignores it.

    Among 500,000 posts of 128 dimensions 64 rows found .92 to .94 of the ten nearest, 256 found
    .996 (faiss, the same graph).
    """
    return max(256, 2 * k)


def described(milvus: Milvus, collection: str) -> dict[str, int]:
    """The fields of a collection: name to dimension; 0 for a field that isn't a vector."""
    fields = milvus("describe_collection", collection)["fields"]
    return {field["name"]: int(field["params"].get("dim", 0)) for field in fields}
