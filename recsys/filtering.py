"""What an asker wants of posts: by whom, in which language, from when."""

from dataclasses import dataclass
from datetime import datetime

from recsys.events.records import Post
from recsys.filters import Among, AtLeast, AtMost, Everything, Field, Filter, Without


@dataclass(frozen=True)
class PostFilter:
    """Conditions on posts, all of which must hold.

    Attributes:
        authors: by one of these; by anyone, if empty.
        not_authors: by none of these.
        languages: in one of these; in any, if empty.
        created_after: from then on, to the second; posts without a date don't pass.
        created_before: until then, likewise.
    """

    authors: tuple[str, ...] = ()
    not_authors: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None

    def filter(self) -> Filter:
        """As the index takes it."""
        found: Filter = Everything()
        if self.authors:
            found &= Among(Field.AUTHOR, self.authors)
        if self.not_authors:
            found &= Without(Field.AUTHOR, self.not_authors)
        if self.languages:
            found &= Among(Field.LANGUAGE, self.languages)
        if self.created_after:
            found &= AtLeast(Field.CREATED_AT, int(self.created_after.timestamp()))
        if self.created_before:
            found &= AtMost(Field.CREATED_AT, int(self.created_before.timestamp()))
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
        )
