"""How a version of the index differs from the event database, which is the truth.

The service looks at ids alone, every few minutes; `commonspace index verify` and the end of a build
also look at the marks of what each row was made of and says (`rows.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recsys.erase import remove_posts
from recsys.events.database import Events
from recsys.events.records import Post
from recsys.id_places import IdPlaces, hashes_of
from recsys.marks import Marks, content_mark
from recsys.rows import post_fields
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View
from recsys.written import Written

_OF_POSTS = (Target.POSTS, Target.IMAGES, Target.TEXTS)
_BITS = {target: 1 << place for place, target in enumerate(_OF_POSTS)}


@dataclass(frozen=True)
class Drift:
    """How an index differs from the event database; ids ascending.

    Attributes:
        missing: public posts that it lacks, or one of whose vectors it lacks.
        outdated: public posts that it has as they were before, or twice.
        mislabelled: public posts of which only what they are filtered by has changed.
        extra: posts that it holds and that may be shown to nobody, or are no more.
        strangers: people that it holds and that are no more.
    """

    missing: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    mislabelled: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()

    @property
    def to_embed(self) -> tuple[str, ...]:
        """Posts that only the model can mend."""
        return tuple(sorted({*self.missing, *self.outdated}))

    @property
    def size(self) -> int:
        """How many posts and people differ."""
        each = (self.missing, self.outdated, self.mislabelled, self.extra, self.strangers)
        return sum(map(len, each))

    def __bool__(self) -> bool:
        return self.size > 0


@dataclass(frozen=True)
class Expected:
    """What rows of a public post must be like.

    Attributes:
        contents: marks of content, one of which they must have.
        fields: mark of the fields.
        targets: the collections that must have it; of none if nothing of it can be embedded.
    """

    contents: frozenset[int]
    fields: int
    targets: frozenset[Target]


def drift(events: Events, view: View | Written, *, deep: bool = False) -> Drift:
    """Compare a version of the index with the event database.

    Args:
        events: the truth.
        view: of the version, or what a build has written of it.
        deep: by marks, too, which takes reading all posts. An index of an older release has none;
            then it is compared by ids.
    Raises: Vanished.
    """
    truth = _Truth.read(events, deep=deep)
    extra, outdated, mislabelled = set[str](), set[str](), set[str]()
    for target in _OF_POSTS:
        bit = _BITS[target]
        for rows in _rows(view, target, deep):
            places = truth.places.find([id for id, _ in rows]).tolist()
            for (id, marks), place in zip(rows, places, strict=True):
                if place < 0 or not truth.public[place]:
                    extra.add(id)
                    continue
                if truth.held[place] & bit:
                    outdated.add(id)
                elif deep and marks is not None:
                    if truth.wanted[place] and marks.content not in truth.contents[place]:
                        outdated.add(id)
                    elif marks.fields != truth.fields[place]:
                        mislabelled.add(id)
                truth.held[place] |= bit
    strangers: set[str] = set()
    for ids in view.ids(Target.USERS):
        strangers.update(set(ids) - events.known(ids))
    missing = truth.lacking(events)
    if not deep or not view.marked:  # marks of rows tell more than that one was written
        written = list(events.unindexed())
        for id, place in zip(written, truth.places.find(written).tolist(), strict=True):
            if place >= 0 and truth.public[place] and truth.held[place] & _BITS[Target.POSTS]:
                outdated.add(id)
    outdated -= missing
    return Drift(
        missing=tuple(sorted(missing)),
        outdated=tuple(sorted(outdated)),
        mislabelled=tuple(sorted(mislabelled - outdated - missing)),
        extra=tuple(sorted(extra)),
        strangers=tuple(sorted(strangers)),
    )


@dataclass(frozen=True)
class _Truth:
    """What the event database says of its N posts, in some 40 bytes each.

    Attributes:
        places: of the posts by their ids.
        public: (N,) bool.
        wanted: (N,) uint8: the collections that must have each, as bits.
        contents: (N, 2) int64: marks of content, one of which its rows must have.
        fields: (N,) int64: mark of the fields.
        held: (N,) uint8: the collections in which it was seen, as bits; filled by the caller.
    """

    places: IdPlaces
    public: np.ndarray
    wanted: np.ndarray
    contents: np.ndarray
    fields: np.ndarray
    held: np.ndarray

    @classmethod
    def read(cls, events: Events, *, deep: bool) -> "_Truth":
        """All posts; without `deep` by ids alone, and a public one must be among the posts."""
        pages = list[tuple[np.ndarray, ...]]()
        if deep:
            for posts in events.post_pages():
                pages.append(_page(posts, events))
        else:
            for page in events.visibility_pages():
                public = np.array([shown for _, shown in page])
                nothing = np.zeros(len(page), np.int64)
                ids = np.array([id for id, _ in page], dtype=object)
                wanted = (public * _BITS[Target.POSTS]).astype(np.uint8)
                pages.append(
                    (hashes_of(ids), public, wanted, np.stack([nothing, nothing], axis=1), nothing)
                )
        empty = (
            *(np.empty(0, np.uint64), np.empty(0, bool), np.empty(0, np.uint8)),
            *(np.empty((0, 2), np.int64), np.empty(0, np.int64)),
        )
        columns = zip(empty, *pages, strict=True)
        hashes, public, wanted, contents, fields = map(np.concatenate, columns)
        held = np.zeros(len(public), np.uint8)
        return cls(IdPlaces.by(hashes), public, wanted, contents, fields, held)

    def lacking(self, events: Events) -> set[str]:
        """Ids of the posts that a collection lacks: read again, as only hashes of them are here."""
        lacks = (self.wanted & ~self.held) != 0
        found: set[str] = set()
        if lacks.any():
            for page in events.visibility_pages():
                places = self.places.find([id for id, _ in page]).tolist()
                pairs = zip(page, places, strict=True)
                found |= {id for (id, _), place in pairs if place >= 0 and lacks[place]}
        return found


def _page(posts: Sequence[Post], events: Events) -> tuple[np.ndarray, ...]:
    """Hashes, public, wanted, contents and fields of some posts."""
    shown = [post for post in posts if not post.private]
    lacking = events.lacking_pictures({p.image_hash for p in shown if p.image_hash})
    count = len(posts)
    wanted, fields = np.zeros(count, np.uint8), np.zeros(count, np.int64)
    contents = np.zeros((count, 2), np.int64)
    for place, post in enumerate(posts):
        if post.private:
            continue
        pictured = post.image_hash is not None and post.image_hash not in lacking
        one = expected_of(post, pictured=pictured)
        wanted[place] = sum(_BITS[target] for target in one.targets)
        marks = sorted(one.contents)
        contents[place] = marks[0], marks[-1]
        fields[place] = one.fields
    ids = np.array([post.post_id for post in posts], dtype=object)
    public = np.array([not post.private for post in posts])
    return hashes_of(ids), public, wanted, contents, fields


def remove_extra(found: Drift, store: VectorStore) -> None:
    """Take what may not be there out of every version of the index."""
    if found.extra:
        remove_posts(store, list(found.extra))
    if found.strangers:
        store.remove(Target.USERS, found.strangers)


def expected_of(post: Post, *, pictured: bool) -> Expected:
    """What rows of a public post must be like.

    Args:
        post: as the event database has it.
        pictured: whether its picture is stored. If it isn't, vectors may still have been made of
            it: it came with the data.
    """
    contents = {content_mark(post.text, post.image_hash)}
    if not pictured:
        contents.add(content_mark(post.text, None))
    parts = {Target.TEXTS: bool(post.text), Target.IMAGES: pictured}
    targets = {target for target, is_there in parts.items() if is_there}
    if targets:
        targets.add(Target.POSTS)
    fields = int(str(post_fields(post)["fields_mark"]))
    return Expected(frozenset(contents), fields, frozenset(targets))


def _rows(
    view: View | Written, target: Target, deep: bool
) -> Iterator[list[tuple[str, Marks | None]]]:
    if deep and view.marked:
        for rows in view.marks(target):
            yield list(rows)
    else:
        for ids in view.ids(target):
            yield [(id, None) for id in ids]
