"""A version of the index copied row by row into a new one, which then takes its place."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from recsys.filters import among_ids
from recsys.milvus import Milvus, Vanished
from recsys.versions import PARTS, Names, Target, Version
from training.errors import CommonspaceError

Row = dict[str, Any]
Kept = Callable[[str, Row], bool]
"""Whether a row of one of `PARTS` is to be copied."""

_AT_ONCE = 1000
_LISTED_AT_ONCE = 16_000  # nearly what Milvus allows: Lite reads all rows for each page
_FLUSH_S = 3600


class VersionCopy:
    """Copies versions, whatever fields their rows have.

    Args:
        milvus: connection; this process holds the lease on writing the index.
        names: of collections and aliases.
        renew: called after each batch, to keep the lease.
        alone: whether nobody else can write meanwhile, as this process holds the folder.
    """

    def __init__(
        self, milvus: Milvus, names: Names, renew: Callable[[], None], *, alone: bool = False
    ) -> None:
        self._milvus, self._names, self._renew, self._alone = milvus, names, renew, alone

    def versions(self) -> tuple[list[Version], list[Version]]:
        """The complete versions, oldest first, and leftovers of others."""
        parsed = (self._names.parse(name) for name in self._milvus("list_collections"))
        found = sorted({version for version in parsed if version})
        aliases = self._aliases()
        complete = [each for each in found if self._names.sealed(each) in aliases]
        return complete, [each for each in found if each not in complete]

    def replace(self, old: Version, kept: Kept) -> Version:
        """Put a copy in the place of a version, and drop that with its files.

        Cut short, the old version stays, and the remains of the copy are no complete version. A
        service may write to the old one meanwhile: what it changed there is brought over after the
        copy is in use.

        Raises: CommonspaceError if the copy lacks rows; the old version stays.
        """
        build = max(each.build for part in self.versions() for each in part) + 1
        new = Version(build, old.model)
        copied = {part: self._copy(part, old, new, kept) for part in PARTS}
        posts = self._names.collection(Target.POSTS, new)
        self._milvus("create_alias", posts, self._names.sealed(new))
        if self._live() == self._names.collection(Target.POSTS, old):
            self._milvus("alter_alias", posts, self._names.live)
        if not self._alone:
            for part in PARTS:
                self._catch_up(part, old, new, kept, copied[part])
        self.drop(old)
        return new

    def drop(self, version: Version) -> None:
        """Drop a version's collections; its mark of completeness first."""
        if self._names.sealed(version) in self._aliases():
            self._milvus("drop_alias", self._names.sealed(version))
        for part in PARTS:
            self._milvus("drop_collection", self._names.collection(part, version))

    def _copy(self, part: str, old: Version, new: Version, kept: Kept) -> dict[str, bytes]:
        """Copy a collection; a digest of each row that was copied, by id."""
        source, target = (self._names.collection(part, version) for version in (old, new))
        self._create_like(source, target)
        digests: dict[str, bytes] = {}
        for rows in self._rows(source):
            chosen = [row for row in rows if kept(part, row)]
            if chosen:
                self._milvus("insert", target, chosen)
            digests |= {str(row["id"]): _digest(row) for row in chosen}
            self._renew()
        self._milvus("flush", target, timeout=_FLUSH_S)
        self._milvus("load_collection", target)
        answer = self._milvus("query", target, filter="", output_fields=["count(*)"])
        if int(answer[0]["count(*)"]) != len(digests):
            raise CommonspaceError(
                f"the copy {target} holds {answer[0]['count(*)']} of {len(digests)} rows",
                hint="nothing was put into use; run it again",
            )
        return digests

    def _catch_up(
        self, part: str, old: Version, new: Version, kept: Kept, copied: dict[str, bytes]
    ) -> None:
        """Bring over what was written to the old version since it was copied.

        But not over rows that were written to the new one since.
        """
        source, target = (self._names.collection(part, version) for version in (old, new))
        gone = dict(copied)
        for rows in self._rows(source):
            changed = []
            for row in rows:
                before = gone.pop(str(row["id"]), None)
                if kept(part, row) and _digest(row) != before:
                    changed.append(row)
            untouched = self._untouched(target, [str(row["id"]) for row in changed], copied)
            fresh = [row for row in changed if str(row["id"]) in untouched]
            if fresh:
                self._milvus("upsert", target, fresh)
        ids = list(gone)
        for start in range(0, len(ids), _AT_ONCE):
            stale = sorted(self._untouched(target, ids[start : start + _AT_ONCE], copied))
            if stale:
                self._milvus("delete", target, **self._milvus.condition(among_ids(stale)))

    def _untouched(self, target: str, ids: list[str], copied: dict[str, bytes]) -> set[str]:
        """Those of the ids whose row in the copy is as it was copied, or still absent."""
        if not ids:
            return set()
        there = {str(row["id"]): _digest(row) for row in self._by_id(target, ids)}
        return {id for id in ids if there.get(id) == copied.get(id)}

    def _create_like(self, source: str, target: str) -> None:
        from pymilvus import CollectionSchema, MilvusClient

        schema = CollectionSchema.construct_from_dict(self._milvus("describe_collection", source))
        self._milvus("create_collection", target, schema=schema)
        kind = self._milvus("describe_index", source, "vector")
        index = MilvusClient.prepare_index_params()
        index.add_index(
            "vector",
            index_type=kind["index_type"],
            metric_type=kind["metric_type"],
            params=kind.get("params") or {},
        )
        # without waiting: an empty collection's index is there at once, but pymilvus would sleep
        self._milvus("create_index", target, index, sync=False)

    def _rows(self, name: str) -> Iterator[list[Row]]:
        """All rows. Asked for by id: an iterator over whole rows takes twice as long on Lite."""
        self._milvus("load_collection", name)
        ids: list[str] = []
        rows = self._milvus(
            "query_iterator", name, batch_size=_LISTED_AT_ONCE, output_fields=["id"]
        )
        while found := rows.next():
            ids += [str(row["id"]) for row in found]
        rows.close()
        for start in range(0, len(ids), _AT_ONCE):
            yield self._by_id(name, ids[start : start + _AT_ONCE])

    def _by_id(self, name: str, ids: list[str]) -> list[Row]:
        condition = self._milvus.condition(among_ids(ids))
        return self._milvus("query", name, **condition, output_fields=["*"])

    def _live(self) -> str | None:
        try:
            return self._milvus("describe_alias", self._names.live)["collection_name"]
        except Vanished:
            return None

    def _aliases(self) -> set[str]:
        return set(self._milvus("list_aliases")["aliases"])


def _digest(row: Row) -> bytes:
    vector = np.asarray(row["vector"], dtype=np.float32).tobytes()
    rest = repr(sorted((name, value) for name, value in row.items() if name != "vector"))
    return hashlib.blake2b(rest.encode() + vector, digest_size=16).digest()
