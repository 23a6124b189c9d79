"""How a version of the index differs from the event database, which is the truth.

The service looks at ids alone, every few minutes; `commonspace index verify` and the end of a build
also look at the marks of what each row was made of and says (`rows.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recsys.erase import remove_posts
from recsys.events.database import Events
from recsys.events.records import Post
from recsys.marks import Marks, content_mark
from recsys.rows import post_fields
from recsys.vectors import VectorStore
from recsys.versions import Target
from recsys.view import View

_READ_AT_ONCE = 1000
_OF_POSTS = (Target.POSTS, Target.IMAGES, Target.TEXTS)


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


def drift(events: Events, view: View, *, deep: bool = False) -> Drift:
    """Compare a version of the index with the event database.

    Args:
        events: the truth.
        view: of the version.
        deep: by marks, too, which takes reading all posts. An index of an older release has none;
            then it is compared by ids.
    Raises: Vanished.
    """
    visible = events.visibility()
    expected = dict(_expected(events, visible)) if deep else None
    extra, outdated, mislabelled = set[str](), set[str](), set[str]()
    held: dict[Target, set[str]] = {}
    for target in _OF_POSTS:
        held[target] = ids = set[str]()
        for id, marks in _rows(view, target, deep):
            if not visible.get(id, False):
                extra.add(id)
            elif id in ids:
                outdated.add(id)
            elif marks and expected and (wanted := expected.get(id)):  # else deleted just now
                if wanted.targets and marks.content not in wanted.contents:
                    outdated.add(id)
                elif marks.fields != wanted.fields:
                    mislabelled.add(id)
            ids.add(id)
    strangers: set[str] = set()
    for ids in view.ids(Target.USERS):
        strangers.update(set(ids) - events.known(ids))
    public = {id for id, is_public in visible.items() if is_public}
    missing = public - held[Target.POSTS]
    if expected is not None:
        missing = {
            id for id, wanted in expected.items() if any(id not in held[t] for t in wanted.targets)
        }
    if expected is None or not view.marked:  # marks of rows tell more than that one was written
        outdated |= set(events.unindexed()) & public & held[Target.POSTS]
    outdated -= missing
    return Drift(
        missing=tuple(sorted(missing)),
        outdated=tuple(sorted(outdated)),
        mislabelled=tuple(sorted(mislabelled - outdated - missing)),
        extra=tuple(sorted(extra)),
        strangers=tuple(sorted(strangers)),
    )


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


def _expected(events: Events, visible: Mapping[str, bool]) -> Iterator[tuple[str, Expected]]:
    ids = [id for id, is_public in visible.items() if is_public]
    for start in range(0, len(ids), _READ_AT_ONCE):
        posts = events.posts(ids[start : start + _READ_AT_ONCE])
        lacking = events.lacking_pictures({p.image_hash for p in posts.values() if p.image_hash})
        for id, post in posts.items():
            pictured = post.image_hash is not None and post.image_hash not in lacking
            yield id, expected_of(post, pictured=pictured)


def _rows(view: View, target: Target, deep: bool) -> Iterator[tuple[str, Marks | None]]:
    if deep and view.marked:
        for rows in view.marks(target):
            yield from rows
    else:
        for ids in view.ids(target):
            yield from ((id, None) for id in ids)
