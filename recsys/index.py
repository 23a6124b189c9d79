"""Building the index: what is public is embedded, inserted, counted, and put into use at once."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recsys.build import Build
from recsys.catching_up import catch_up
from recsys.embed import Embedded, embed
from recsys.events.database import Events
from recsys.newcomers import places_of_profiles, profile_mark, stored_profiles
from recsys.pace import Pace
from recsys.plan import Plan, plan
from recsys.vectors import VectorStore
from recsys.versions import Target, Version
from recsys.written import Written
from training.histories import HistoryConfig

if TYPE_CHECKING:
    from training.features import FeatureTable
    from training.space import Space

Progress = Callable[[str, int, int], None]
"""Called with the stage, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class IndexReport:
    """What was indexed.

    Attributes:
        version: that is live now.
        counts: rows by target, as counted in Milvus.
        private: posts left out because they are private.
        absent: posts that have features but aren't in the event database (deleted, not imported).
        unplaced: people with neither a history nor a learned vector nor a profile.
        seconds: it took.
        resumed: posts and people that an earlier run, which was cut short, had indexed already.
        changed: posts and people that changed while it ran, and were brought in at its end.
        newcomers: people who are placed by their profile alone.
    """

    version: Version
    counts: Mapping[Target, int]
    private: int
    absent: int
    unplaced: int
    seconds: float
    resumed: int = 0
    changed: int = 0
    newcomers: int = 0


def build_index(
    space: "Space",
    features: "FeatureTable",
    store: VectorStore,
    events: Events,
    model_version: str,
    *,
    history: HistoryConfig | None = None,
    contents: Mapping[str, int] | np.ndarray | None = None,
    resume: bool = True,
    progress: Progress | None = None,
) -> IndexReport:
    """Embed posts and people of the event database and make the result the live version.

    This process is the only writer of the index meanwhile, by a lease in the event database.
    Readers keep the old version until the new one is complete. If this process dies, they keep it
    for good, and the next build of the same model goes on where this one stopped: what it holds is
    asked of Milvus. Private posts are in no collection, nor in the history of their author, whose
    vector others can search by.

    Args:
        space: the model.
        features: of its encoders, for all posts; see `later_posts.with_later_posts`.
        store: where to.
        events: which posts and people there are, and who reacted to what.
        model_version: under which the model is registered: letters and digits.
        history: what counts in a person's history; as in training.
        contents: marks of the content that the features are of, (N,) or by post id; None: of what
            the event database holds when the build begins.
        resume: go on with a build that was cut short; else begin anew.
        progress: called after each batch.
    Raises: Conflict if another process is indexing; BadData if there is nothing to index;
        CommonspaceError if the count in Milvus is wrong.
    """
    from training.query_weights import spread_all

    begun = time.monotonic()
    with events.hold(f"index {store.config.prefix}") as lease, Written() as written:
        planned = plan(space, features, events, history or HistoryConfig(), contents)
        build = store.begin(model_version, space.dimension, resume=resume)
        if not build.resumed:  # else Milvus alone knows what is there
            build.written = written
        build.weigh(spread_all(space.joint.blocks, space.query_weights))
        todo = planned.without(build.contents(Target.POSTS), build.contents(Target.USERS))
        done = resumed = len(planned) - len(todo)
        pace = Pace(store.config.rows_per_s, lease.renew)

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            lease.renew()
            if progress:
                progress("index", done, len(planned))
            pace(rows)

        for part in embed(todo.work, store.config):
            for some in part.split(store.config.batch_size):
                _insert(some, build, todo, events)
                advance(len(some.numbers) if part.target in (Target.POSTS, Target.USERS) else 0)
        newcomers = len(planned.newcomers) - len(todo.newcomers)
        for some in _newcomers(todo, space, events):
            build.insert(Target.USERS, *some)
            newcomers += len(some[0])
            advance(len(some[0]))
        changed = catch_up(build, store, events, space, lease)
        lease.renew()
        counts = store.publish(build)
    return IndexReport(
        version=build.version,
        counts=counts,
        private=planned.private,
        absent=planned.absent,
        unplaced=len(events.people()) - counts[Target.USERS],
        seconds=time.monotonic() - begun,
        resumed=resumed,
        changed=changed,
        newcomers=newcomers,
    )


def _insert(part: Embedded, build: Build, todo: Plan, events: Events) -> None:
    """Insert vectors, but of what was deleted or made private since the build began."""
    if part.target is Target.USERS:
        ids = [todo.work.users[int(number)] for number in part.numbers]
        known = events.known(ids)
        kept = [at for at, id in enumerate(ids) if id in known]
        marks = [todo.history_mark(int(part.numbers[at])) for at in kept]
        build.insert(part.target, [ids[at] for at in kept], part.vectors[kept], contents=marks)
        return
    ids = [str(todo.post_ids[number]) for number in part.numbers]
    posts = events.posts(ids)
    kept = [at for at, id in enumerate(ids) if id in posts and not posts[id].private]
    shown = [ids[at] for at in kept]
    marks = [int(todo.contents[part.numbers[at]]) for at in kept]
    build.insert(part.target, shown, part.vectors[kept], [posts[id] for id in shown], marks)


def _newcomers(
    todo: Plan, space: "Space", events: Events
) -> Iterator[tuple[list[str], np.ndarray, None, list[int]]]:
    """What to insert of people who are known by their profile alone, some at a time."""
    for people, profiles in stored_profiles(todo.newcomers, events):
        places = places_of_profiles(space, profiles) if profiles else []
        found = [
            (person.user_id, place, profile_mark(person))
            for person, place in zip(people, places, strict=True)
            if place is not None
        ]
        if found:
            ids, rows, marks = zip(*found, strict=True)
            yield list(ids), np.stack(rows), None, list(marks)
