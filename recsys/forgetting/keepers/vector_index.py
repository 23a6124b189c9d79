"""The vectors: rows of every version of the index, and the files that still hold deleted ones."""

from contextlib import closing
from pathlib import Path
from typing import Any

from recsys.config import IndexConfig
from recsys.events.database import Events
from recsys.filters import Among, Equal, Field, Filter, among_ids
from recsys.forgetting.keeper import Erased, Left
from recsys.forgetting.needles import id_needles
from recsys.forgetting.search import Found, search_folder
from recsys.forgetting.subject import Subject
from recsys.forgetting.version_copy import VersionCopy
from recsys.milvus import Milvus
from recsys.milvus_server import server_of
from recsys.versions import PARTS, WEIGHTS, Names, Target, Version
from training.errors import Conflict

_AT_ONCE = 1000
_FLUSH_S = 3600
_SERVERS = Left(
    "deleted rows in the Milvus server's storage",
    "it compacts and collects garbage by its own settings",
)


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
            with self._open() as milvus, self._events.hold(f"index {self._config.prefix}") as lease:
                copying = VersionCopy(milvus, self._names, lease.renew, alone=self._alone())
                counts = self._delete(milvus, copying, subject)
                if self._server(milvus):
                    return Erased(counts, (_SERVERS,))
                dirty = self._dirty(milvus, copying, subject)
                for version in dirty:
                    copying.replace(version, lambda part, row: not _of(row, part, subject))
                if dirty:
                    counts["versions written anew"] = len(dirty)
                return Erased(counts)
        except Conflict as error:  # another process holds the folder, or is indexing
            again = "`commonspace forget` once more, when that has ended"
            return Erased(left=(Left(f"the vectors: {error.message}", again, blocks=True),))

    def holds(self, subject: Subject) -> list[Found]:
        """Rows with one of the ids, in any complete version."""
        if not self._there():
            return []
        found = []
        with self._open() as milvus:
            complete, _ = VersionCopy(milvus, self._names, lambda: None).versions()
            for version in complete:
                for target in Target:
                    conditions = _conditions(target, subject)
                    count = sum(len(self._ids(milvus, target, version, c)) for c in conditions)
                    if count:
                        place = f"{self.name}, {target} of {version}"
                        found.append(Found(place, f"id in {count} rows"))
        return found

    def _there(self) -> bool:
        return self._config.remote or Path(self._config.location(self._workspace)).exists()

    def _open(self) -> "closing[Milvus]":
        return closing(Milvus(self._config, self._workspace))

    def _alone(self) -> bool:
        """Whether this process holds the folder, and no server shares it out."""
        location = self._config.location(self._workspace)
        return not self._config.remote and server_of(Path(location)) is None

    def _server(self, milvus: Milvus) -> bool:
        """Whether a Milvus server holds the rows, whose files are out of reach."""
        return self._config.remote and "lite" not in str(milvus("get_server_version")).lower()

    def _delete(self, milvus: Milvus, copying: VersionCopy, subject: Subject) -> dict[str, int]:
        """At once, so that answers lack it before the files do; rows of the newest by target."""
        counts: dict[str, int] = {}
        for version in copying.versions()[0]:
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

    def _dirty(self, milvus: Milvus, copying: VersionCopy, subject: Subject) -> list[Version]:
        """Versions whose files name the subject; leftovers of builds are dropped on the way."""
        complete, leftovers = copying.versions()
        for version in leftovers:
            copying.drop(version)
        folder = Path(self._config.location(self._workspace)) / "collections"
        needles = id_needles(subject.ids)
        dirty = []
        for version in complete:
            names = [self._names.collection(part, version) for part in PARTS]
            for name in names:
                milvus("flush", name, timeout=_FLUSH_S)  # from the log into files that can be read
            if any(search_folder(path, needles) for n in names for path in folder.glob(f"**/{n}")):
                dirty.append(version)
        return dirty


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
    if part == WEIGHTS:
        return False
    if part == Target.USERS:
        return row["id"] in subject.people
    return row["id"] in subject.posts or row.get("author") in subject.people
