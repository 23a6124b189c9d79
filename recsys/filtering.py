"""What an asker wants of posts: by whom, in which language, about what, from when."""

from dataclasses import dataclass
from datetime import datetime

from recsys.events.records import Post
from recsys.filters import (
    Among,
    AtLeast,
    AtMost,
    Everything,
    Field,
    Filter,
    HasAny,
    HasNone,
    Without,
)
from recsys.rows import CATEGORY_LENGTH, LANGUAGE_LENGTH, stored


@dataclass(frozen=True)
class PostFilter:
    """Conditions on posts, all of which must hold.

    Attributes:
        authors: by one of these; by anyone, if empty.
        not_authors: by none of these.
        languages: in one of these; in any, if empty.
        created_after: from then on, to the second; posts without a date don't pass.
        created_before: until then, likewise.
        tags: with one of these at least; with any or none, if empty.
        not_tags: with none of these.
        categories: in one of these; in any or none, if empty.
    """

    authors: tuple[str, ...] = ()
    not_authors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    tags: tuple[str, ...] = ()
    not_tags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    def filter(self) -> Filter:
        """As the index takes it.

        An index of an older release passes over the fields that it lacks (`View.search`); what it
        finds has to pass `passes` all the same, since the event database has the last word.
        """
        found: Filter = Everything()
        if self.authors:
            found &= Among(Field.AUTHOR, self.authors)
        if self.not_authors:
            found &= Without(Field.AUTHOR, self.not_authors)
        if self.languages:
            found &= Among(Field.LANGUAGE, _stored(self.languages, LANGUAGE_LENGTH))
        if self.created_after:
            found &= AtLeast(Field.CREATED_AT, int(self.created_after.timestamp()))
        if self.created_before:
            found &= AtMost(Field.CREATED_AT, int(self.created_before.timestamp()))
        if self.tags:
            found &= HasAny(Field.TAGS, self.tags)
        if self.not_tags:
            found &= HasNone(Field.TAGS, self.not_tags)
        if self.categories:
            found &= Among(Field.CATEGORY, _stored(self.categories, CATEGORY_LENGTH))
        return found

    def passes(self, post: Post) -> bool:
        """Whether a post as the event database has it now meets the conditions."""
        when = int(post.created_at.timestamp()) if post.created_at else None
        after, before = self.created_after, self.created_before
        return (
            (not self.authors or post.user_id in self.authors)
            and post.user_id not in self.not_authors
            and (not self.languages or post.language in self.languages)
            and (not after or (when is not None and when >= int(after.timestamp())))
            and (not before or (when is not None and when <= int(before.timestamp())))
            and (not self.tags or not set(self.tags).isdisjoint(post.tags))
            and set(self.not_tags).isdisjoint(post.tags)
            and (not self.categories or post.category in self.categories)
        )


def _stored(texts: tuple[str, ...], most: int) -> tuple[str, ...]:
    return tuple(str(stored(text, most)) for text in texts)
