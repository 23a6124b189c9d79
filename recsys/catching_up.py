"""The end of a build: what changed in the event database while it ran is brought in."""

from dataclasses import replace
from typing import TYPE_CHECKING

from recsys.build import Build
from recsys.drift import drift
from recsys.erase import remove_posts
from recsys.events.database import Events
from recsys.events.lease import Lease
from recsys.repair import label
from recsys.stored import embedded, encodes, stored_posts
from recsys.vectors import VectorStore
from recsys.versions import Target

if TYPE_CHECKING:
    from training.space import Space

_ROUNDS = 3


def catch_up(build: Build, store: VectorStore, events: Events, space: "Space", lease: Lease) -> int:
    """Bring a build to what the event database holds now; how many posts and people that took.

    What changes while this runs is brought in by a further round, at most three; of what changes
    after the last, the service that serves the index is told by its own comparison. Towers without
    encoders can't read a post; what only they could mend stays as it is then.

    The first round goes by what the build knows it has written, if it does; what follows, by what
    Milvus lists, for others may have written it.
    """
    version, changed = build.version, 0
    for number in range(_ROUNDS):
        view = build.view()  # on disk and loaded first, which takes its time, and then compared
        lease.renew()
        found = drift(events, (number == 0 and build.written) or view, deep=True)
        if not encodes(space):
            found = replace(found, missing=(), outdated=())
        if not found:
            break
        changed += found.size
        remove_posts(store, found.extra, of=version)
        if found.strangers:
            store.remove(Target.USERS, found.strangers, of=version)
        label(found.mislabelled, events, store, version)
        for posts, raw in stored_posts(found.to_embed, events):
            if posts:
                store.put(version, posts, embedded(space, raw))
            lease.renew()
    if changed:
        build.recount(build.view())
    return changed
