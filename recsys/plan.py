"""What a build has to embed, and what of it an earlier run has embedded already.

Some ten bytes a post, and the people's ids: everything else is read when its turn comes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from recsys.embed import Work
from recsys.events.database import Events
from recsys.id_places import IdPlaces, hashes_of
from recsys.marks import content_mark, history_mark
from recsys.newcomers import profile_mark
from recsys.stored import encodes
from training.errors import BadData
from training.histories import HistoryConfig, history_arrays

if TYPE_CHECKING:
    from training.features import FeatureTable
    from training.space import Space

_PUBLIC, _PRIVATE = 1, 2
_AT_ONCE = 1 << 14


@dataclass(frozen=True)
class Plan:
    """Posts and people to be indexed.

    Attributes:
        work: posts and people with a history or a learned vector.
        post_ids: (N,) of all rows of the features.
        contents: (N,) int64 marks of the content that the features are of.
        newcomers: ids of people who are known by their profile alone.
        profiles: marks of their profiles, by user id.
        private: posts left out because they are private.
        absent: posts that have features but aren't in the event database.
    """

    work: Work
    post_ids: np.ndarray
    contents: np.ndarray
    newcomers: Sequence[str]
    profiles: Mapping[str, int]
    private: int
    absent: int

    def __len__(self) -> int:
        return len(self.work) + len(self.newcomers)

    def history_mark(self, place: int) -> int:
        """Of the history of a person of the work, by their place among them."""
        rows, weights = self.work.history(place)
        return history_mark(
            [
                (f"{self.post_ids[row]} {self.contents[row]}", weight)
                for row, weight in zip(rows.tolist(), weights.tolist(), strict=True)
            ]
        )

    def without(self, posts: Mapping[str, int], people: Mapping[str, int]) -> "Plan":
        """The plan but for what is there with the same mark.

        Args:
            posts: marks of content of the posts that are there.
            people: marks of the people who are.
        """
        if not posts and not people:
            return self
        rows = [
            int(row)
            for row in self.work.rows
            if posts.get(str(self.post_ids[row])) != int(self.contents[row])
        ]
        places = [
            place
            for place, user in enumerate(self.work.users)
            if user not in people or people[user] != self.history_mark(place)
        ]
        left = [user for user in self.newcomers if people.get(user) != self.profiles[user]]
        work = self.work.only(np.array(rows, dtype=np.int64), places)
        return replace(self, work=work, newcomers=left)


def plan(
    space: "Space",
    features: "FeatureTable",
    events: Events,
    config: HistoryConfig,
    contents: Mapping[str, int] | np.ndarray | None = None,
) -> Plan:
    """See what is public, and who has a place.

    Args:
        space: the model, which may know people by their ids.
        features: of N posts.
        events: the truth.
        config: what counts in a history.
        contents: (N,) marks of the content that the features are of; or some by post id, the others
            being of what `events` has now; None: all of them.
    Raises: BadData if there is nothing to index.
    """
    hashes = hashes_of(features.post_ids)
    places = IdPlaces.by(hashes)
    state = _visibility(places, events)
    rows = np.flatnonzero(state == _PUBLIC)
    if not len(rows):
        raise BadData(
            "there is no public post to index",
            hint="import the data into the event database first, and compute its features",
        )
    people = np.array(events.people(), dtype=np.str_)
    authors = np.zeros(len(state), np.int32)
    for some in np.array_split(rows, -(-len(rows) // _AT_ONCE)):
        named = np.asarray(features.user_ids[some], dtype=np.str_)
        authors[some] = np.searchsorted(people, named)
    found = history_arrays(
        authors, events.reaction_batches(), people, hashes, state == _PUBLIC, config
    )
    lengths = np.diff(found.start)
    known = (lengths > 0) | np.isin(people, np.array(space.users, dtype=np.str_))
    others = people[~known].tolist()
    profiles = events.profiles(others) if encodes(space) else {}
    marks = {user: profile_mark(person) for user, person in profiles.items()}
    return Plan(
        work=Work(
            towers=space,
            features=features.posts,
            rows=rows,
            users=people[known].tolist(),
            history_rows=found.rows,
            history_weight=found.weight,
            history_start=found.start[:-1][known],
            history_length=lengths[known],
        ),
        post_ids=features.post_ids,
        contents=_contents(places, rows, events, contents),
        newcomers=sorted(marks),
        profiles=marks,
        private=int((state == _PRIVATE).sum()),
        absent=int((state == 0).sum()),
    )


def _visibility(places: IdPlaces, events: Events) -> np.ndarray:
    """(N,) uint8: public, private, or 0 where the event database has no such post."""
    state = np.zeros(len(places.places), np.uint8)
    for page in events.visibility_pages():
        at = places.find([post_id for post_id, _ in page])
        shown = np.array([public for _, public in page])
        there = at >= 0
        state[at[there]] = np.where(shown[there], _PUBLIC, _PRIVATE)
    return state


def _contents(
    places: IdPlaces,
    rows: np.ndarray,
    events: Events,
    given: Mapping[str, int] | np.ndarray | None,
) -> np.ndarray:
    if isinstance(given, np.ndarray):
        return given
    marks = np.zeros(len(places.places), np.int64)
    public = np.zeros(len(marks), bool)
    public[rows] = True
    for page in events.post_pages():
        at = places.find([post.post_id for post in page]).tolist()
        for place, post in zip(at, page, strict=True):
            if place >= 0 and public[place]:
                marks[place] = content_mark(post.text, post.image_hash)
    if given:
        at = places.find(list(given)).tolist()
        for place, mark in zip(at, given.values(), strict=True):
            if place >= 0:
                marks[place] = mark
    return marks
