"""From a model and data to a live index: import the events, encode what is new, embed, swap."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.product import ProductConfig, open_tracking
from training.errors import Conflict
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from recsys.index import IndexReport
    from recsys.repair import Verification
    from recsys.vectors import VectorStore
    from recsys.versions import Version
    from training.data.clean import CleanData
    from training.space import Space

_SAMPLES = 20


def index_posts(
    config: ProductConfig,
    *,
    model: str | int = "champion",
    from_database: bool = False,
    resume: bool = True,
    observer: Observer = SILENT,
) -> "IndexReport":
    """Bring the configured data into the event database and index all that is in that.

    Posts that came by the API since are encoded and indexed, too.

    Args:
        config: of the product; data and features come from the workspace if they are there.
        model: a registered version or alias.
        from_database: read no data, and encode what the event database holds, which is enough.
        resume: go on with a build that was cut short.
        observer: sees the progress.
    Raises: NotFound for a model that isn't registered; BadData as `prepare`; as `build_index`.
    """
    from recsys.events.database import Events
    from recsys.events.importing import import_data
    from recsys.index import build_index
    from recsys.later_posts import no_posts, with_later_posts
    from recsys.vectors import VectorStore
    from training.data.prepare import prepare
    from training.features import compute_features
    from training.space import IMAGE_ENCODER, TEXT_ENCODER, Space
    from training.tracking.registry import space_folder
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    registered = show_model(tracking, model)
    workspace = Path(config.workspace)
    data = None
    if not from_database:
        observer.stage("Reading and checking the posts")
        data = prepare(config.data, config.split, workspace, progress=observer.advance)
    observer.stage(f"Encoding for model version {registered.version}")
    folder = space_folder(registered, tracking)
    space = Space.load(folder)
    features, contents = no_posts(space), dict[str, int]()
    if data is not None:
        features = compute_features(
            data,
            folder / IMAGE_ENCODER,  # the saved ones: they may have been trained
            folder / TEXT_ENCODER,
            workspace / "features",
            progress=observer.advance,
        )
        contents = _contents(data)
    with (
        Events(config.events, workspace) as events,
        VectorStore(config.index, workspace) as store,
    ):
        if data is not None:
            import_data(data, events)
        features, later = with_later_posts(space, features, events, progress=observer.advance)
        observer.stage("Indexing posts and people")
        return build_index(
            space,
            features,
            store,
            events,
            str(registered.version),
            history=config.history,
            contents=contents | later,
            resume=resume,
            progress=observer.advance,
        )


def _contents(data: "CleanData") -> dict[str, int]:
    """Marks of what the features of the data are of; the API may write other contents meanwhile."""
    from recsys.rows import content_mark

    rows = data.posts(["post_id", "text", "image_hash"]).to_pylist()
    return {row["post_id"]: content_mark(row["text"], row["image_hash"]) for row in rows}


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
        live = store.live().version if versions else None
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
