"""Building the index: what is public is embedded, inserted, counted, and put into use at once."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from recsys.build import Build
from recsys.embed import Embedded, Work, embed
from recsys.events.database import Events
from recsys.vectors import VectorStore
from recsys.versions import Target, Version
from training.errors import BadData
from training.histories import HistoryConfig, histories

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
        unplaced: people with neither a history nor a learned vector.
        seconds: it took.
    """

    version: Version
    counts: Mapping[Target, int]
    private: int
    absent: int
    unplaced: int
    seconds: float


def build_index(
    space: "Space",
    features: "FeatureTable",
    store: VectorStore,
    events: Events,
    model_version: str,
    *,
    history: HistoryConfig | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """Embed posts and people of the event database and make the result the live version.

    This process is the only writer of the index meanwhile, by a lease in the event database.
    Readers keep the old version until the new one is complete; if this process dies, they keep it
    for good, and the next build clears the remains away. Private posts are in no collection, nor
    in the history of their author, whose vector others can search by.

    Args:
        space: the model.
        features: of its encoders, for all posts; see `later_posts.with_later_posts`.
        store: where to.
        events: which posts and people there are, and who reacted to what.
        model_version: under which the model is registered: letters and digits.
        history: what counts in a person's history; as in training.
        progress: called after each batch.
    Raises: Conflict if another process is indexing; BadData if there is nothing to index;
        CommonspaceError if the count in Milvus is wrong.
    """
    from training.query_weights import spread_all

    begun = time.monotonic()
    with events.hold(f"index {store.config.prefix}") as lease:
        visibility = events.visibility()
        work = _work(space, features, events, visibility, history or HistoryConfig())
        build = store.begin(model_version, space.dimension)
        build.weigh(spread_all(space.joint.blocks, space.query_weights))
        done = 0
        for part in embed(work, store.config):
            _insert(part, build, features.post_ids, work, events)
            lease.renew()
            if progress and part.target in (Target.POSTS, Target.USERS):
                done += len(part.numbers)
                progress("index", done, len(work))
        counts = store.publish(build)
    known = [visibility.get(str(post_id)) for post_id in features.post_ids]
    return IndexReport(
        version=build.version,
        counts=counts,
        private=known.count(False),
        absent=known.count(None),
        unplaced=len(events.people()) - counts[Target.USERS],
        seconds=time.monotonic() - begun,
    )


def _work(
    space: "Space",
    features: "FeatureTable",
    events: Events,
    visibility: Mapping[str, bool],
    config: HistoryConfig,
) -> Work:
    public = np.array([visibility.get(str(id), False) for id in features.post_ids], dtype=bool)
    rows = np.flatnonzero(public)
    if not len(rows):
        raise BadData(
            "there is no public post to index",
            hint="import the data into the event database first, and compute its features",
        )
    authors, ids = features.user_ids[rows], features.post_ids[rows]
    people = events.people()
    found = histories(ids, authors, events.reactions_table(), config, people)
    learned = set(space.users)
    users = [user for user in people if found[user] or user in learned]
    return Work(
        space=space,
        features={f.name: getattr(features.posts, f.name).numpy() for f in fields(features.posts)},
        rows=rows,
        users=users,
        # `histories` counted rows among the public posts
        histories={u: [(int(rows[row]), weight) for row, weight in found[u]] for u in users},
    )


def _insert(part: Embedded, build: Build, post_ids: np.ndarray, work: Work, events: Events) -> None:
    """Insert vectors, but of what was deleted or made private since the build began."""
    if part.target is Target.USERS:
        ids = [work.users[int(number)] for number in part.numbers]
        known = events.known(ids)
        kept = [at for at, id in enumerate(ids) if id in known]
        build.insert(part.target, [ids[at] for at in kept], part.vectors[kept])
        return
    ids = [str(post_id) for post_id in post_ids[part.numbers]]
    posts = events.posts(ids)
    kept = [at for at, id in enumerate(ids) if id in posts and not posts[id].private]
    shown = [ids[at] for at in kept]
    build.insert(part.target, shown, part.vectors[kept], [posts[id] for id in shown])
