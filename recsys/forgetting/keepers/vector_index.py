"""The vectors: rows of every version of the index, and the files that still hold deleted ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recsys.config import IndexConfig
from recsys.events.database import Events
from recsys.filters import Among, Equal, Field, Filter, among_ids
from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.needles import id_needles
from recsys.forgetting.search import Found, search_folder
from recsys.forgetting.subject import Subject
from recsys.milvus import Milvus, Vanished
from recsys.versions import PARTS, WEIGHTS, Names, Target, Version
from training.errors import CommonspaceError, Conflict

_AT_ONCE = 1000
_FLUSH_S = 3600


class VectorIndex:
    """Versions of the index, kept for rollback or in use.

    A deletion in Milvus Lite is a note beside the rows: their ids and vectors stay in its files,
    and no command of its makes it write them anew. So each version that held something is copied
    into a new one without it, takes over the old one's place, and the old one is dropped with its
    files. Readers go on meanwhile, as when a new version is indexed.

    Args:
        config: where.
        workspace: what a relative folder is relative to.
        events: for the lease by which only one process writes the index.
    """

    name = "vector index"

    def __init__(self, config: IndexConfig, workspace: Path, events: Events) -> None:
        self._config, self._workspace, self._events = config, workspace, events
        self._names = Names(config.prefix)

    def erase(self, subject: Subject) -> Erased:
        """Delete rows from every version; on Lite also write versions anew that held some."""
        if not self._there():
            return Erased()
        try:
            milvus = Milvus(self._config, self._workspace)
        except Conflict as error:
            again = "stop that process, and run `commonspace forget` again"
            return Erased(left=(Left(f"the vectors: {error.message}", again, blocks=True),))
        try:
            with self._events.hold(f"index {self._config.prefix}") as lease:
                counts = self._delete(milvus, subject)
                if self._server(milvus):
                    return Erased(
                        counts,
                        (
                            Left(
                                "deleted rows in the Milvus server's storage",
                                "it compacts and collects garbage by its own settings",
                            ),
                        ),
                    )
                rewritten = 0
                for version in self._dirty(milvus, subject):
                    lease.renew()
                    self._replace(milvus, version, subject, lease.renew)
                    rewritten += 1
            return Erased(counts | ({"versions written anew": rewritten} if rewritten else {}))
        except Conflict as error:  # being indexed now
            again = "`commonspace forget` once more, when that is done"
            return Erased(left=(Left(f"the vectors: {error.message}", again, blocks=True),))
        finally:
            milvus.close()

    def holds(self, subject: Subject) -> list[Found]:
        """Rows with one of the ids, in any complete version."""
        if not self._there():
            return []
        milvus = Milvus(self._config, self._workspace)
        try:
            found = []
            for version in self._versions(milvus):
                for target in Target:
                    count = 0
                    for where in _conditions(target, subject):
                        count += len(self._ids(milvus, target, version, where))
                    if count:
                        found.append(
                            Found(f"{self.name}, {target} of {version}", f"id in {count} rows")
                        )
            return found
        finally:
            milvus.close()

    def _there(self) -> bool:
        return self._config.remote or Path(self._config.location(self._workspace)).exists()

    def _server(self, milvus: Milvus) -> bool:
        """Whether a Milvus server holds the rows, whose files are out of reach."""
        return self._config.remote and "lite" not in str(milvus("get_server_version")).lower()

    def _all(self, milvus: Milvus) -> list[Version]:
        parsed = (self._names.parse(name) for name in milvus("list_collections"))
        return sorted({version for version in parsed if version})

    def _versions(self, milvus: Milvus) -> list[Version]:
        """The complete ones, oldest first."""
        aliases = set(milvus("list_aliases")["aliases"])
        return [v for v in self._all(milvus) if self._names.sealed(v) in aliases]

    def _delete(self, milvus: Milvus, subject: Subject) -> dict[str, int]:
        """At once, so that answers lack it before the files do; rows of the newest by target."""
        counts: dict[str, int] = {}
        for version in self._versions(milvus):
            for target in Target:
                name = self._names.collection(target, version)
                gone: set[str] = set()
                for where in _conditions(target, subject):
                    if ids := self._ids(milvus, target, version, where):
                        milvus("delete", name, **milvus.condition(where))
                        gone.update(ids)
                if gone:
                    counts[f"rows of {target}"] = len(gone)
        return counts

    def _ids(self, milvus: Milvus, target: Target, version: Version, where: Filter) -> list[str]:
        name = self._names.collection(target, version)
        milvus("load_collection", name)
        rows = milvus("query", name, **milvus.condition(where), output_fields=["id"])
        return [str(row["id"]) for row in rows]

    def _dirty(self, milvus: Milvus, subject: Subject) -> list[Version]:
        """Versions whose files name the subject; leftovers of builds are dropped on the way."""
        for part in self._files(milvus):
            milvus("flush", part, timeout=_FLUSH_S)
        folder = Path(self._config.location(self._workspace)) / "collections"
        complete = set(self._versions(milvus))
        needles = id_needles(subject.ids)
        dirty = []
        for version in self._all(milvus):
            if version not in complete:
                self._drop(milvus, version)
                continue
            names = [self._names.collection(part, version) for part in PARTS]
            if any(search_folder(path, needles) for n in names for path in folder.glob(f"**/{n}")):
                dirty.append(version)
        return dirty

    def _files(self, milvus: Milvus) -> list[str]:
        return [n for n in milvus("list_collections") if self._names.parse(n)]

    def _replace(self, milvus: Milvus, old: Version, subject: Subject, renew: Any) -> None:
        """A copy without the subject in the place of a version; cut short, it is begun again."""
        new = Version(max(v.build for v in self._all(milvus)) + 1, old.model)
        for part in PARTS:
            source = self._names.collection(part, old)
            target = self._names.collection(part, new)
            self._create_like(milvus, source, target)
            copied = 0
            for rows in self._rows(milvus, source):
                kept = [row for row in rows if part == WEIGHTS or not _of(row, part, subject)]
                for start in range(0, len(kept), self._config.batch_size):
                    milvus("insert", target, kept[start : start + self._config.batch_size])
                copied += len(kept)
                renew()
            milvus("flush", target, timeout=_FLUSH_S)
            milvus("load_collection", target)
            self._check(milvus, target, copied)
        posts = self._names.collection(Target.POSTS, new)
        milvus("create_alias", posts, self._names.sealed(new))
        if self._live(milvus) == self._names.collection(Target.POSTS, old):
            milvus("alter_alias", posts, self._names.live)
        self._drop(milvus, old)

    def _live(self, milvus: Milvus) -> str | None:
        try:
            return milvus("describe_alias", self._names.live)["collection_name"]
        except Vanished:
            return None

    def _create_like(self, milvus: Milvus, source: str, target: str) -> None:
        from pymilvus import CollectionSchema, MilvusClient

        described = milvus("describe_collection", source)
        milvus("create_collection", target, schema=CollectionSchema.construct_from_dict(described))
        kind = milvus("describe_index", source, "vector")
        index = MilvusClient.prepare_index_params()
        index.add_index(
            "vector",
            index_type=kind["index_type"],
            metric_type=kind["metric_type"],
            params=kind.get("params") or {},
        )
        milvus("create_index", target, index, sync=False)

    def _rows(self, milvus: Milvus, name: str) -> Iterator[list[dict[str, Any]]]:
        milvus("load_collection", name)
        iterator = milvus("query_iterator", name, batch_size=_AT_ONCE, output_fields=["*"])
        try:
            while rows := iterator.next():
                yield rows
        finally:
            iterator.close()

    def _check(self, milvus: Milvus, name: str, wanted: int) -> None:
        rows = milvus("query", name, filter="", output_fields=["count(*)"])
        there = int(rows[0]["count(*)"])
        if there != wanted:
            raise CommonspaceError(
                f"the copy {name} holds {there} of {wanted} rows",
                hint="nothing was put into use; run it again",
            )

    def _drop(self, milvus: Milvus, version: Version) -> None:
        if self._names.sealed(version) in milvus("list_aliases")["aliases"]:
            milvus("drop_alias", self._names.sealed(version))
        for part in PARTS:
            milvus("drop_collection", self._names.collection(part, version))


def _conditions(target: Target, subject: Subject) -> list[Filter]:
    """What rows of a target are the subject's."""
    if target is Target.USERS:
        return [among_ids(subject.people)] if subject.people else []
    conditions: list[Filter] = [
        Among(Field.ID, subject.posts[start : start + _AT_ONCE])
        for start in range(0, len(subject.posts), _AT_ONCE)
    ]
    return conditions + [Equal(Field.AUTHOR, user_id) for user_id in subject.people]


def _of(row: dict[str, Any], part: str, subject: Subject) -> bool:
    if part == Target.USERS:
        return row["id"] in subject.people
    return row["id"] in subject.posts or row.get("author") in subject.people
