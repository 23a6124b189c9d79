"""The index: versions of a set of collections, of which one is live.

How versions are named and how the live one is told is in `versions.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from recsys.build import Build
from recsys.config import IndexConfig
from recsys.events.records import Post
from recsys.filters import among_ids
from recsys.marks import content_mark
from recsys.milvus import Milvus, Vanished
from recsys.retention import outlived
from recsys.rows import limited, post_rows, rows_of
from recsys.schema import schema_of
from recsys.vector_cache import VectorCache
from recsys.versions import PARTS, Names, Target, Version, check_model_version
from recsys.view import View, described
from training.errors import Conflict, NotFound, Unavailable
from training.recorder import SILENT, Recorder

T = TypeVar("T")
_ATTEMPTS = 3


class VectorStore:
    """Versioned collections over Milvus Lite or a Milvus server, by the same code.

    Any number of threads may read. One may write: Lite can't take more, and two builders on a
    server would clear away each other's work (`build_index` holds a lease for that).

    Args:
        config: where and how.
        workspace: what a relative folder is relative to.
        recorder: is told of each call of Milvus.
    Raises: Conflict if another process holds the folder, Unavailable if the server doesn't answer.
    """

    def __init__(self, config: IndexConfig, workspace: Path, recorder: Recorder = SILENT) -> None:
        self.config = config
        self._milvus = Milvus(config, workspace, recorder)
        self._names = Names(config.prefix)
        self._cache = VectorCache(config.cache_mb * 1_000_000)
        self._views: dict[Version, View] = {}  # of versions known to be in memory

    @property
    def location(self) -> str:
        """The server's URI or the folder."""
        return self._milvus.location

    @property
    def shared_folder(self) -> bool:
        """Whether a process of this machine serves the folder to others, and this one asks it."""
        return self._milvus.shared_folder

    def close(self) -> None:
        """Disconnect; a folder is free for another process then."""
        self._milvus.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Reading

    def live(self) -> View:
        """The version in use. Raises: NotFound if nothing was indexed yet."""
        try:
            name = self._milvus("describe_alias", self._names.live)["collection_name"]
        except Vanished:
            raise NotFound(
                f"nothing is indexed at {self.location} yet", hint="run `commonspace index`"
            ) from None
        version = self._names.parse(name)
        if version is None:
            raise Conflict(
                f"the alias {self._names.live} leads to {name}, which isn't an index of ours",
                hint="choose another prefix for the index",
            )
        return self._view(version)

    def open(self, version: Version) -> View:
        """A version to keep to, whichever is live. Raises: Vanished if it was dropped."""
        return self._view(version)

    def forget(self) -> None:
        """Look anew at what is in memory; after `Vanished`."""
        self._views.clear()
        self._cache.clear()

    def read(self, work: Callable[[View], T]) -> T:
        """Run a query against the live version; again if that was dropped while it ran.

        Args:
            work: reads from the view only, and may run more than once.
        """
        for _ in range(_ATTEMPTS):
            try:
                return work(self.live())
            except Vanished:
                self.forget()  # dropped, or no longer in memory: look again
        raise Unavailable(f"the index at {self.location} changes too fast to be read; try again")

    def versions(self) -> list[Version]:
        """The complete versions, newest first."""
        aliases = set(self._aliases())
        return [version for version in self._all() if self._names.sealed(version) in aliases]

    # Writing

    def begin(self, model: str, dimension: int, *, resume: bool = False) -> Build:
        """Start a new version, after clearing away builds that were never completed.

        Args:
            model: version of the model that embeds.
            dimension: D of its vectors.
            resume: go on with a build that was cut short, if it is of the same model and shape.
        Raises: BadConfig if the model version can't be part of a name.
        """
        check_model_version(model)
        complete = self.versions()
        cut_short = [version for version in self._all() if version not in complete]
        going_on = [v for v in cut_short if resume and self._can_go_on(v, model, dimension)][:1]
        for version in cut_short:
            if version not in going_on:
                self._drop(version)
        number = max((v.build for v in complete), default=0) + 1
        version = going_on[0] if going_on else Version(build=number, model=model)
        resumed = bool(going_on)
        return Build(self._milvus, self._names, version, dimension, self.config, resumed=resumed)

    def publish(self, build: Build) -> dict[Target, int]:
        """Count the rows of a build, make it the live version, and drop versions of no more use.

        The version that was live stays, and so many of the newest that `keep_versions` are left,
        but none that is older than `keep_days`.

        Returns: rows by target.
        Raises: CommonspaceError if the count is wrong; the old version is live then.
        """
        counts = build.verify()
        before = self._live_version()
        self._milvus("create_alias", self._posts(build.version), self._names.sealed(build.version))
        self._switch(build.version)
        for version in outlived(self.versions(), build.version, before, self.made(), self.config):
            self._drop(version)
        return counts

    def made(self) -> dict[Version, datetime]:
        """When the build of each version was begun; unknown of those of an older release."""
        begun = self._begun()
        return {version: begun[version.build] for version in self._all() if version.build in begun}

    def drop(self, build: int) -> Version:
        """Drop a complete version for good.

        Raises: NotFound if there is none of this number; Conflict if it is the live one.
        """
        version = self._numbered(build)
        if version == self._live_version():
            raise Conflict(f"{version} is in use", hint="roll back to another, or index again")
        self._drop(version)
        return version

    def rollback(self, build: int | None = None) -> Version:
        """Make an older version the live one.

        Args:
            build: which; None: the newest that is older than the live one.
        Returns: the version that is live now.
        Raises: NotFound if there is no such version, or nothing is indexed.
        """
        live = self.live().version
        if build is not None:
            wanted = self._numbered(build)
        else:
            older = [version for version in self.versions() if version < live]
            if not older:
                raise NotFound(f"nothing is older than {live}", hint=self._kept())
            wanted = older[0]
        self.use(wanted)
        return wanted

    def use(self, version: Version) -> None:
        """Make a complete version the live one. Raises: Vanished if it was dropped."""
        self._view(version)  # into memory before anyone is sent there
        self._switch(version)

    def put(
        self, version: Version, posts: Sequence[Post], vectors: Mapping[Target, np.ndarray]
    ) -> None:
        """Write posts into a complete version, over what it holds of them.

        Args:
            version: which.
            posts: n public posts.
            vectors: (n, D) unit rows of posts, images and texts; a row of NaN for a post that has
                no image or text.
        Raises: BadData for a vector that isn't finite and of length 1; Vanished.
        """
        view = self._view(version)
        contents = _contents(posts, vectors)
        for target, rows in vectors.items():
            name = self._names.collection(target, version)
            there = [bool(np.isfinite(row).all()) for row in rows]
            absent = [
                post.post_id for post, is_there in zip(posts, there, strict=True) if not is_there
            ]
            if absent:
                self._milvus("delete", name, **self._milvus.condition(among_ids(absent)))
            shown = [post for post, is_there in zip(posts, there, strict=True) if is_there]
            if shown:
                marks = [contents[post.post_id] for post in shown]
                written = post_rows(shown, rows[there], view.dimension, marks)
                self._milvus("upsert", name, limited(written, view.fields))
        self._cache.forget([post.post_id for post in posts])

    def put_people(
        self, version: Version, ids: Sequence[str], vectors: np.ndarray, marks: Sequence[int]
    ) -> None:
        """Write people into a complete version, over what it holds of them.

        Args:
            version: which.
            ids: n ids.
            vectors: (n, D) unit rows.
            marks: n marks of what they were made of.
        Raises: BadData for a vector that isn't finite and of length 1; Vanished.
        """
        view = self._view(version)
        rows = limited(rows_of(ids, vectors, view.dimension, marks), view.fields | {"id", "vector"})
        self._milvus("upsert", self._names.collection(Target.USERS, version), rows)
        self._cache.forget(ids)

    def remove(
        self,
        target: Target,
        ids: Sequence[str],
        *,
        but: Version | None = None,
        of: Version | None = None,
    ) -> None:
        """Delete rows from every complete version, so that no rollback brings them back.

        Args:
            target: of what.
            ids: of the rows.
            but: the version that keeps them.
            of: the only version to lose them, complete or not.
        """
        for version in [of] if of else self.versions():
            if version == but:
                continue
            self._view(version)
            name = self._names.collection(target, version)
            self._milvus("delete", name, **self._milvus.condition(among_ids(ids)))
        self._cache.forget(ids)

    def _view(self, version: Version) -> View:
        view = self._views.get(version)
        if view is None:
            # Lite forgets at closing what was in memory
            for part in PARTS:
                self._milvus("load_collection", self._names.collection(part, version))
            # from aliases alone: to list collections fails where another is dropped meanwhile
            begun = self._begun().get(version.build)
            view = View.open(self._milvus, self._names, version, self._cache, begun)
            self._views[version] = view
        return view

    def _begun(self) -> dict[int, datetime]:
        """When each build was begun, by its number."""
        found = filter(None, map(self._names.begun_at, self._aliases()))
        return {build: datetime.fromtimestamp(seconds, UTC) for build, seconds in found}

    def _live_version(self) -> Version | None:
        try:
            return self.live().version
        except NotFound:
            return None

    def _switch(self, version: Version) -> None:
        change = "alter_alias" if self._names.live in self._aliases() else "create_alias"
        self._milvus(change, self._posts(version), self._names.live)

    def _drop(self, version: Version) -> None:
        aliases = self._aliases()
        sealed = self._names.sealed(version)
        if sealed in aliases:  # first: what follows may be cut short
            self._milvus("drop_alias", sealed)
        for alias in aliases:
            begun = self._names.begun_at(alias)
            if begun and begun[0] == version.build:
                self._milvus("drop_alias", alias)
        for part in PARTS:
            self._milvus("drop_collection", self._names.collection(part, version))
        self._views.pop(version, None)

    def _can_go_on(self, version: Version, model: str, dimension: int) -> bool:
        """Whether a build that was cut short is of this model and shape, and all there."""
        if version.model != model or version not in self.made():
            return False
        for part in PARTS:
            name = self._names.collection(part, version)
            fields = schema_of(part, dimension).fields
            if described(self._milvus, name) != {f.name: f.params.get("dim", 0) for f in fields}:
                return False
        return True

    def _numbered(self, build: int) -> Version:
        """A complete version by its number. Raises: NotFound naming those that there are."""
        found = [version for version in self.versions() if version.build == build]
        if not found:
            raise NotFound(f"there is no build {build}", hint=self._kept())
        return found[0]

    def _kept(self) -> str:
        return f"kept builds: {', '.join(str(version.build) for version in self.versions())}"

    def _all(self) -> list[Version]:
        parsed = (self._names.parse(name) for name in self._milvus("list_collections"))
        return sorted({version for version in parsed if version}, reverse=True)

    def _aliases(self) -> list[str]:
        return list(self._milvus("list_aliases")["aliases"])

    def _posts(self, version: Version) -> str:
        return self._names.collection(Target.POSTS, version)


def _contents(posts: Sequence[Post], vectors: Mapping[Target, np.ndarray]) -> dict[str, int]:
    """Marks of what posts' vectors were made of: a picture counts if it was embedded."""
    images = vectors.get(Target.IMAGES)
    seen = np.ones(len(posts), dtype=bool)
    if images is not None:
        seen = np.isfinite(images).all(axis=1).reshape(len(posts))
    return {
        post.post_id: content_mark(post.text, post.image_hash if pictured else None)
        for post, pictured in zip(posts, seen, strict=True)
    }
