"""A batch of whatever comes in, written whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from recsys.events import asking_posts, tombstones, unindexed
from recsys.events.boundaries import Boundary, put_boundaries
from recsys.events.chunks import chunks
from recsys.events.pictures import StoredPicture, drop_unused, put_pictures
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import people
from recsys.events.writing import put_people, put_posts, put_reactions, written_by_others


@dataclass(frozen=True)
class Batch:
    """What came in together.

    Attributes:
        people: or what is new about them.
        posts: a later one of equal ids counts; authors need not be among the people.
        reactions: by the id that each is known by; see `writing.reaction_id`.
        boundaries: to be set.
        pictures: by the hash under which posts and people show them.
        deleted: digests of what was deleted elsewhere, and must not come in here.
    """

    people: Sequence[Person] = ()
    posts: Sequence[Post] = ()
    reactions: Mapping[str, Reaction] = field(default_factory=dict)
    boundaries: Sequence[Boundary] = ()
    pictures: Mapping[str, StoredPicture] = field(default_factory=dict)
    deleted: Sequence[str] = ()


@dataclass(frozen=True)
class Written:
    """What became of a batch.

    Attributes:
        recorded: new, or new about what was there.
        repeated: there already as it came.
        refused: of people or posts that were deleted for good.
        others: posts that are another person's, and whose.
    """

    recorded: int = 0
    repeated: int = 0
    refused: int = 0
    others: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, more: "Written") -> "Written":
        return Written(
            self.recorded + more.recorded,
            self.repeated + more.repeated,
            self.refused + more.refused,
            {**self.others, **more.others},
        )


def write(connection: Connection, batch: Batch) -> Written:
    """Write a batch; twice is as good as once."""
    tombstones.bury(connection, batch.deleted)
    done = Written(recorded=len(batch.deleted))
    others = written_by_others(connection, batch.posts)
    mine = [one for one in batch.posts if others.get(one.post_id, one.user_id) == one.user_id]
    named = {post.user_id for post in mine}
    named |= {reaction.user_id for reaction in batch.reactions.values()}
    done += _people(connection, {one.user_id: one for one in batch.people}, named)
    put_pictures(connection, dict(batch.pictures))
    done += _posts(connection, mine) + Written(others=others)
    reacted = put_reactions(connection, [*batch.reactions.values()], [*batch.reactions])
    done += Written(reacted.recorded, reacted.repeated, reacted.refused)
    new, refused = put_boundaries(connection, batch.boundaries)
    done += Written(new, len(batch.boundaries) - new - refused, refused)
    drop_unused(connection, list(batch.pictures))  # of what was refused
    return done


def _people(connection: Connection, batch: Mapping[str, Person], named: set[str]) -> Written:
    """Add people and those who are only named; the latter aren't counted."""
    everyone = {user_id: Person(user_id) for user_id in named} | dict(batch)
    before: dict[str, Person] = {}
    for part in chunks(everyone):
        for row in connection.execute(select(people).where(people.c.user_id.in_(part))):
            before[row.user_id] = Person(row.user_id, row.profile, row.image_hash)
    fresh = {id: one for id, one in everyone.items() if not _same_person(before.get(id), one)}
    put_people(connection, [*fresh.values()])
    refused = len(tombstones.buried(connection, map(tombstones.of_person, batch)))
    new = len(fresh.keys() & batch.keys())
    return Written(new - refused, len(batch) - new, refused)


def _same_person(before: Person | None, now: Person) -> bool:
    """Whether nothing new is said; what isn't said stays as it was."""
    return before is not None and before == Person(
        now.user_id, now.profile or before.profile, now.image_hash or before.image_hash
    )


def _posts(connection: Connection, batch: Sequence[Post]) -> Written:
    last = {one.post_id: one for one in batch}
    before = asking_posts.by_id(connection, last)
    fresh = [post for id, post in last.items() if not _same_post(before.get(id), post)]
    taken = put_posts(connection, fresh)
    replaced = [post for post in fresh if post.post_id in before]
    for post in replaced:  # a new one shows by its id
        unindexed.mark(connection, post)
    drop_unused(connection, [before[post.post_id].image_hash for post in replaced])
    return Written(taken, len(batch) - len(fresh), len(fresh) - taken)


def _same_post(before: Post | None, now: Post) -> bool:
    """Whether nothing changes; a post that is private stays so."""
    return before is not None and before == replace(now, private=now.private or before.private)
