"""What a build has to embed, and what of it an earlier run has embedded already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.embed import Work
from recsys.events.database import Events
from recsys.marks import content_mark, history_mark
from recsys.newcomers import profile_mark
from recsys.stored import encodes
from training.errors import BadData
from training.histories import HistoryConfig, histories

if TYPE_CHECKING:
    from training.features import FeatureTable
    from training.space import Space

_READ_AT_ONCE = 1000


@dataclass(frozen=True)
class Plan:
    """Posts and people to be indexed.

    Attributes:
        work: posts and people with a history or a learned vector.
        post_ids: (N,) of all rows of the features.
        contents: marks of the content that the features are of, by post id.
        histories: marks of the histories, by user id.
        newcomers: ids of people who are known by their profile alone.
        profiles: marks of their profiles, by user id.
        private: posts left out because they are private.
        absent: posts that have features but aren't in the event database.
    """

    work: Work
    post_ids: np.ndarray
    contents: Mapping[str, int]
    histories: Mapping[str, int]
    newcomers: Sequence[str]
    profiles: Mapping[str, int]
    private: int
    absent: int

    def __len__(self) -> int:
        return len(self.work) + len(self.newcomers)

    def without(self, posts: Mapping[str, int], people: Mapping[str, int]) -> "Plan":
        """The plan but for what is there with the same mark.

        Args:
            posts: marks of content of the posts that are there.
            people: marks of the people who are.
        """
        rows = [
            int(row)
            for row in self.work.rows
            if (id := str(self.post_ids[row])) not in posts or posts[id] != self.contents[id]
        ]
        users = [user for user in self.work.users if people.get(user) != self.histories[user]]
        left = [user for user in self.newcomers if people.get(user) != self.profiles[user]]
        work = replace(self.work, rows=np.array(rows, dtype=np.int64), users=users)
        return replace(self, work=work, newcomers=left)


def plan(
    space: "Space",
    features: "FeatureTable",
    events: Events,
    config: HistoryConfig,
    contents: Mapping[str, int] | None = None,
) -> Plan:
    """See what is public, and who has a place.

    Args:
        space: the model, which may know people by their ids.
        features: of N posts.
        events: the truth.
        config: what counts in a history.
        contents: marks of the content that the features are of; None: of what `events` has now.
    Raises: BadData if there is nothing to index.
    """
    visibility = events.visibility()
    known = [visibility.get(str(post_id)) for post_id in features.post_ids]
    rows = np.flatnonzero(np.array([shown is True for shown in known], dtype=bool))
    if not len(rows):
        raise BadData(
            "there is no public post to index",
            hint="import the data into the event database first, and compute its features",
        )
    ids, authors = features.post_ids[rows], features.user_ids[rows]
    contents = _contents(ids, events) | dict(contents or {})
    people = events.people()
    found = histories(ids, authors, events.reactions_table(), config, people)
    learned = set(space.users)
    users = [user for user in people if found[user] or user in learned]
    others = [user for user in people if not found[user] and user not in learned]
    profiles = events.profiles(others) if encodes(space) else {}
    marks = {user: profile_mark(person) for user, person in profiles.items()}
    return Plan(
        work=Work(
            space=space,
            features={
                f.name: getattr(features.posts, f.name).numpy() for f in fields(features.posts)
            },
            rows=rows,
            users=users,
            # `histories` counted rows among the public posts
            histories={u: [(int(rows[row]), weight) for row, weight in found[u]] for u in users},
        ),
        post_ids=features.post_ids,
        contents=contents,
        histories={
            user: history_mark(
                [(f"{ids[row]} {contents[str(ids[row])]}", weight) for row, weight in found[user]]
            )
            for user in users
        },
        newcomers=sorted(marks),
        profiles=marks,
        private=known.count(False),
        absent=known.count(None),
    )


def _contents(post_ids: np.ndarray, events: Events) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(post_ids), _READ_AT_ONCE):
        part = events.posts([str(id) for id in post_ids[start : start + _READ_AT_ONCE]])
        found |= {id: content_mark(post.text, post.image_hash) for id, post in part.items()}
    return dict.fromkeys(map(str, post_ids), 0) | found
