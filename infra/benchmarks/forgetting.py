"""Forgetting measured by bytes: what still holds a person, afterwards and after a rebuild."""

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.benchmarks.claims import Claim
from infra.forgetting import places_of
from infra.indexing import index_posts
from infra.product import ProductConfig, open_recommender, services
from recsys.events.database import Events
from recsys.events.records import Post
from recsys.forgetting.forget import forget_person
from recsys.forgetting.keeper import Places
from recsys.forgetting.needles import Needle, id_needles
from recsys.forgetting.search import Found, search_folder
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.errors import NotFound

COMMAND = "make bench-recsys"
_SHORTEST_TEXT = 24
"""Bytes; a shorter text may be someone else's words, too."""
_PICTURE = slice(64, 192)
"""Bytes of a picture that are looked for: a database keeps longer values in pieces."""
_ASKED = 20


@dataclass(frozen=True)
class Forgotten:
    """One measured forgetting.

    Attributes:
        person: who.
        posts: how many of theirs.
        before: places that held them.
        after: places that hold them still.
        rebuilt: places that hold them after the source was imported and indexed again.
        answers: answers that name them then.
        seconds: the forgetting took.
        complete: whether the receipt says so.
    """

    person: str
    posts: int
    before: int
    after: tuple[Found, ...]
    rebuilt: tuple[Found, ...]
    answers: int
    seconds: float
    complete: bool


def forgetting(config: ProductConfig, person: str | None = None) -> dict[str, Any]:
    """Forget a person of a workspace, which must be a copy, and look for them.

    Their ids, texts, picture and vector are searched in the bytes of every file; then the source is
    imported and indexed again, with their rows still in it, and all is searched once more.

    Args:
        config: of the product; its data has the person.
        person: who; the one with most posts if None.
    Returns: a claim as plain data: places and answers that hold the person, of which the target is
        none.
    """
    done = measure(config, person)
    value = len(done.after) + len(done.rebuilt) + done.answers
    remains = "; ".join(sorted({f"{hit.place}: {hit.what}" for hit in done.after + done.rebuilt}))
    detail = (
        f"a person with {done.posts} posts stood in {done.before} places; forgotten in "
        f"{done.seconds:.1f} s{'' if done.complete else ', NOT complete'}"
    )
    claim = Claim(
        "places and answers that hold a forgotten person, also after rebuild and re-import",
        float(value),
        "<= 0",
        COMMAND,
        f"{detail}; {remains}" if remains else detail,
    )
    return asdict(claim) | {"met": claim.met}


def measure(config: ProductConfig, person: str | None = None) -> Forgotten:
    """As `forgetting`, with what was found."""
    places = places_of(config)
    with Events(config.events, config.workspace) as events:
        person = person or events.users_page("", 0, 1)[0][0]
        posts = events.posts_of(person)
        needles = _needles(config, events, person, posts)
    before = _holding(places, needles)
    begun = time.perf_counter()
    receipt = forget_person(places, person)
    seconds = time.perf_counter() - begun
    after = _holding(places, needles)
    with services(config):
        index_posts(config)
    return Forgotten(
        person=person,
        posts=len(posts),
        before=len(before),
        after=after,
        rebuilt=_holding(places, needles),
        answers=_answers(config, [needle for needle in needles if needle.word]),
        seconds=seconds,
        complete=receipt.complete,
    )


def _needles(config: ProductConfig, events: Events, person: str, posts: list[Post]) -> list[Needle]:
    """Ids, and contents that nobody else posted."""
    ids = [person, *(post.post_id for post in posts)]
    others = events.posts(set(events.visibility()) - set(ids)).values()
    living = {*events.people(), *(post.post_id for post in others)} - set(ids)
    shown = {post.image_hash for post in others}
    needles = id_needles(ids, living)
    for post in posts:
        text = post.text or ""
        long = len(text.encode()) >= _SHORTEST_TEXT
        if long and not any(text in (other.text or "") for other in others):
            needles.append(Needle("text", text.encode()))
    own = {post.image_hash for post in posts if post.image_hash} - shown
    for picture in events.pictures([hash for hash in own if hash]).values():
        if len(picture.data) >= _PICTURE.stop:
            needles.append(Needle("picture", picture.data[_PICTURE]))
    with VectorStore(config.index, config.workspace) as store:
        for vector in store.live().fetch(Target.USERS, [person]).values():
            needles.append(Needle("vector", vector.tobytes()))
    return needles


def _holding(places: Places, needles: list[Needle]) -> tuple[Found, ...]:
    hits = search_folder(Path(places.workspace), needles)
    return tuple(hit for hit in hits if not hit.mention)


def _answers(config: ProductConfig, ids: list[Needle]) -> int:
    """Answers to others that name one of the ids, be it in a reason."""
    named = 0
    with open_recommender(config) as recommender, Events(config.events, config.workspace) as events:
        for user_id, _ in events.users_page("", 0, _ASKED):
            answers: list[Any] = list(recommender.recommend(user_id, 10))
            with suppress(NotFound):  # a newcomer without a place
                answers += recommender.similar(user_id, 10)
            for answer in answers:
                written = json.dumps(asdict(answer), default=str).encode()
                named += any(id.count(written, text=True) > 0 for id in ids)
    return named
