"""Who or what is to be forgotten, and all that goes with them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Self

from training.data.forgotten import Forgotten
from training.data.identity import tombstone

Kind = Literal["person", "post"]


@dataclass(frozen=True)
class Subject:
    """A person with all posts of theirs, or a single post.

    Attributes:
        kind: which of the two.
        id: the person's or the post's.
        posts: ids of the posts that go: the person's, or the one.
        authors: whose learned data saw these posts: the person, or the author of the post.
        contents: hashes of the texts and pictures of the posts, by which caches know them.
    """

    kind: Kind
    id: str
    posts: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The hash under which it is remembered."""
        return tombstone(self.kind, self.id)

    @property
    def people(self) -> frozenset[str]:
        """Ids of the people who go: one or none."""
        return frozenset([self.id]) if self.kind == "person" else frozenset()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id that may stand nowhere afterwards, the subject's own first."""
        return tuple(dict.fromkeys([self.id, *self.posts]))

    @property
    def tombstones(self) -> Forgotten:
        """The hashes of all of them."""
        posts = [tombstone("post", post_id) for post_id in self.posts]
        return Forgotten(frozenset([self.digest, *posts]))

    def with_more(
        self,
        posts: Iterable[str] = (),
        authors: Iterable[str] = (),
        contents: Iterable[str | None] = (),
    ) -> Self:
        """The same with what else was found, each once."""
        return replace(
            self,
            posts=tuple(sorted({*self.posts, *posts})),
            authors=tuple(sorted({*self.authors, *authors})),
            contents=tuple(sorted({*self.contents, *(hash for hash in contents if hash)})),
        )


def person(user_id: str) -> Subject:
    """A person of whom nothing else is known yet."""
    return Subject("person", user_id, authors=(user_id,))


def post(post_id: str) -> Subject:
    """A post of which nothing else is known yet."""
    return Subject("post", post_id, posts=(post_id,))
