"""What becomes of an index after its build: versions that are kept, comparison, repair."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.product import ProductConfig, open_tracking
from training.errors import Conflict, NotFound
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from recsys.repair import Verification
    from recsys.vectors import VectorStore
    from recsys.versions import Version
    from training.space import Space

_SAMPLES = 20


@dataclass(frozen=True)
class Kept:
    """A complete version of the index.

    Attributes:
        version: which.
        live: whether it is in use.
        made: when its build was begun; None for one of an older release.
        posts: how many it holds.
    """

    version: "Version"
    live: bool
    made: datetime | None
    posts: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "build": self.version.build,
            "model_version": self.version.model,
            "live": self.live,
            "begun": self.made.isoformat() if self.made else None,
            "posts": self.posts,
        }


@dataclass(frozen=True)
class Verified:
    """The live index held against the event database.

    Attributes:
        before: what was found.
        after: what was found after the repair; the same without one.
        repaired: posts and people that were mended.
    """

    before: "Verification"
    after: "Verification"
    repaired: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong now."""
        return self.after.clean

    @property
    def differences(self) -> dict[str, tuple[str, ...]]:
        """What was found: kind to ids."""
        found = self.before.drift
        return {field.name: getattr(found, field.name) for field in fields(found)}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: counts of all differences, and the ids of some."""
        version = self.after.version
        return {
            "build": version.build,
            "model_version": version.model,
            "clean": self.clean,
            "marked": self.after.marked,
            "counts": {str(target): count for target, count in self.after.counts.items()},
            "differences": {name: len(ids) for name, ids in self.differences.items()},
            "samples": {name: list(ids[:_SAMPLES]) for name, ids in self.differences.items()},
            "faults": list(self.after.faults),
            "repaired": self.repaired,
        }


def verify_index(
    config: ProductConfig, *, repair: bool = False, observer: Observer = SILENT
) -> Verified:
    """Compare the live index with the event database, and mend it if asked to.

    Raises: NotFound if nothing is indexed; Conflict if a repair is asked for and another process
        writes the index, or is serving its folder.
    """
    from recsys.events.database import Events
    from recsys.repair import repair as mend
    from recsys.repair import verify

    with (
        Events(config.events, config.workspace) as events,
        opened_store(config) as store,
    ):
        version = store.live().version
        observer.stage(f"Comparing {version} with the event database")
        before = verify(events, store, version)
        if not (repair and before.drift):
            return Verified(before, before, repaired=0)
        if store.shared_folder:
            raise Conflict(
                f"the vectors in {store.location} are being served, and have their writer",
                hint="it repairs them itself every serve.repair_s; or stop it first",
            )

        def space() -> "Space":
            from training.tracking.registry import load_space

            observer.stage(f"Loading model version {version.model}")
            return load_space(version.model, open_tracking(config))

        with events.hold(f"index {config.index.prefix}") as lease:

            def advance(what: str, done: int, total: int) -> None:
                lease.renew()
                observer.advance(what, done, total)

            mend(before.drift, events, store, version, space, progress=advance)
        after = verify(events, store, version)
        return Verified(before, after, repaired=before.drift.size - after.drift.size)


def kept_versions(config: ProductConfig) -> list[Kept]:
    """The complete versions of the index, the newest first."""
    from recsys.versions import Target

    with opened_store(config) as store:
        versions, made = store.versions(), store.made()
        live = None
        with suppress(NotFound):  # the first build was complete, and was killed before it was live
            live = store.live().version
        return [
            Kept(one, one == live, made.get(one), store.open(one).count(Target.POSTS))
            for one in versions
        ]


@contextmanager
def opened_store(config: ProductConfig) -> "Iterator[VectorStore]":
    """The versions of the index. Raises: as `VectorStore`."""
    from recsys.vectors import VectorStore

    with VectorStore(config.index, config.workspace) as store:
        yield store
