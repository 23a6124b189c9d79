"""Forgetting a person or a post: every place in turn, the event database first.

A tombstone comes before all else, so that nothing new of theirs is taken meanwhile. What was found
of them is written down next, and thrown away last: cut short anywhere, the same call goes on. A
place that can't be gone over now is named in the receipt, and the call is to be made again.
"""

import difflib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine, select

from recsys.events.database import Events
from recsys.events.engine import open_engine
from recsys.events.tables import people, posts
from recsys.forgetting import pending as under_way
from recsys.forgetting.keeper import Keeper, Left, Places
from recsys.forgetting.keepers.derived_files import DerivedFiles
from recsys.forgetting.keepers.event_database import EventDatabase
from recsys.forgetting.keepers.feature_caches import FeatureCaches
from recsys.forgetting.keepers.import_quarantine import ImportQuarantine
from recsys.forgetting.keepers.prepared_data import PreparedData
from recsys.forgetting.keepers.run_folders import RunFolders
from recsys.forgetting.keepers.saved_models import SavedModels
from recsys.forgetting.keepers.tracker import Tracker
from recsys.forgetting.keepers.vector_index import VectorIndex
from recsys.forgetting.pending import Pending
from recsys.forgetting.receipt import Receipt, keep
from recsys.forgetting.subject import Subject, person, post
from recsys.forgetting.tombstones import buried, bury, write_list
from training.data.identity import is_good_id
from training.data.validate import content_hash
from training.errors import NotFound

_LEASE = "forget"
Step = Callable[[str], None]
"""Called with the name of each place before it is gone over."""


@dataclass(frozen=True)
class Opened:
    """The stores of some places, open.

    Attributes:
        places: where.
        engine: of the event database.
        events: the same, to ask.
        keepers: in the order in which they erase.
    """

    places: Places
    engine: Engine
    events: Events
    keepers: Sequence[Keeper]

    @property
    def data(self) -> PreparedData:
        """The keeper that knows what sources held."""
        return PreparedData(self.places.workspace)


@contextmanager
def opened(places: Places) -> Iterator[Opened]:
    """Open what forgetting needs. Raises: as `Events`."""
    workspace = places.workspace
    with Events(places.events, workspace) as events:
        engine = open_engine(places.events, workspace)
        try:
            tracker = Tracker(places.tracking, workspace)
            keepers: list[Keeper] = [
                EventDatabase(engine),
                VectorIndex(places.index, workspace, events),
                PreparedData(workspace),
                ImportQuarantine(workspace),
                FeatureCaches(workspace),
                DerivedFiles(workspace, places.folders),  # asks run folders and models who is known
                RunFolders(workspace),
                SavedModels(workspace, tracker),
                tracker,
            ]
            yield Opened(places, engine, events, keepers)
        finally:
            engine.dispose()


def forget_person(places: Places, user_id: str, *, step: Step = lambda name: None) -> Receipt:
    """Forget a person with all that they posted and did, everywhere.

    Repeating it is no error: it goes over every place again.

    Raises: NotFound with near ids, for someone who is nowhere and was never forgotten; Conflict if
        another process is forgetting now; as the places.
    """
    with opened(places) as stores:
        return forget(stores, person(user_id), step=step)


def forget_post(places: Places, post_id: str, *, step: Step = lambda name: None) -> Receipt:
    """Forget a post with its picture and the reactions to it; as `forget_person`."""
    with opened(places) as stores:
        return forget(stores, post(post_id), step=step)


def forget(stores: Opened, subject: Subject, *, step: Step = lambda name: None) -> Receipt:
    """Forget a subject; see `forget_person`."""
    workspace, digest = stores.places.workspace, subject.digest
    with stores.events.hold(_LEASE) as lease:
        work = under_way.load(workspace, digest)
        if work is None:
            require_known(stores, subject)
            bury(stores.engine, [digest])
            work = Pending(survey(stores, subject))
        else:
            work = Pending(survey(stores, work.subject), work.places)
        work.save(workspace)
        bury(stores.engine, work.subject.tombstones.digests)
        write_list(stores.engine, workspace)
        left: list[Left] = []
        for keeper in stores.keepers:
            step(keeper.name)
            lease.renew()
            erased = keeper.erase(work.subject)
            left += erased.left
            work = work.counted(keeper.name, dict(erased.counts))
            work.save(workspace)
        complete = not any(each.blocks for each in left)
        receipt = Receipt(
            digest=digest,
            kind=subject.kind,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            places=work.places,
            left=tuple(left),
            complete=complete,
        )
        keep(workspace, receipt)
        if complete:
            under_way.discard(workspace, digest)
        return receipt


def survey(stores: Opened, subject: Subject) -> Subject:
    """The subject with its posts, their authors and contents, as database and clean data tell."""
    found = (
        posts.c.user_id.in_(subject.people)
        if subject.kind == "person"
        else posts.c.post_id.in_(subject.posts)
    )
    columns = (posts.c.post_id, posts.c.user_id, posts.c.text, posts.c.image_hash)
    with stores.engine.connect() as connection:
        for row in connection.execute(select(*columns).where(found)):
            text = content_hash(row.text.encode()) if row.text else None
            subject = subject.with_more([row.post_id], [row.user_id], [text, row.image_hash])
        profiles = select(people.c.image_hash).where(people.c.user_id.in_(subject.people))
        subject = subject.with_more(contents=connection.scalars(profiles))
    return stores.data.survey(subject)


def require_known(stores: Opened, subject: Subject) -> None:
    """Pass if a subject is anywhere, or was forgotten before. Raises: NotFound with near ids."""
    if is_good_id(subject.id):
        column = people.c.user_id if subject.kind == "person" else posts.c.post_id
        with stores.engine.connect() as connection:
            there = connection.scalar(select(column).where(column == subject.id)) is not None
        if there or buried(stores.engine, subject.digest) or stores.data.knows(subject):
            return
    near = _near(stores, subject)
    raise NotFound(
        f"no {subject.kind} {subject.id!r:.140}",
        hint=f"did you mean {', '.join(near)}?" if near else "",
    )


def _near(stores: Opened, subject: Subject) -> list[str]:
    """Ids of the same kind that look alike."""
    column = people.c.user_id if subject.kind == "person" else posts.c.post_id
    start = subject.id[:2] if is_good_id(subject.id) else ""
    alike = select(column).where(column.startswith(start, autoescape=True))
    with stores.engine.connect() as connection:
        for query in (alike, select(column)):
            ids = list(connection.scalars(query.order_by(column).limit(5000)))
            if near := difflib.get_close_matches(subject.id, ids, n=3):
                return near
    return []
