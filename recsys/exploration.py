"""Places for new posts: without them, what nobody saw is never reacted to, and never shown.

What is drawn, is drawn with a probability that is known and kept, so that logs of what was shown
tell what another recommender would have earned (Li et al., WSDM 2011).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig, ExplorationConfig
from recsys.diversity import Seen
from recsys.ranking import Part, Scored


@dataclass(frozen=True)
class Placed:
    """A post with its place in an answer.

    Attributes:
        scored: the post.
        propensity: how likely it was that this place shows this post, (0, 1].
        explored: whether it has its place because it is new.
    """

    scored: Scored
    propensity: float
    explored: bool


def explore(
    chosen: Sequence[Scored],
    ranked: Sequence[Scored],
    config: ExplorationConfig,
    diversity: DiversityConfig,
    person: str,
    now: datetime,
) -> list[Placed]:
    """Give some of the places below the first to new posts.

    Each place is given to a new post with the configured probability, whatever the others show,
    until there are no more new posts. The rest of the list moves down by one each time.

    Args:
        chosen: the list without exploration, best first.
        ranked: all that may be shown, best first.
        config: how many, and what is new.
        diversity: what is the same to a person.
        person: whose list it is; the same person has the same draw for a while.
        now: the time of the answer.
    Returns: as many as chosen; the scores fall.
    """
    new = _new(chosen, ranked, config, diversity, now) if config.share else []
    random = np.random.default_rng(_seed(person, config, now))
    order = random.permutation(len(new))
    dice = random.random(len(chosen))
    found: list[Placed] = []
    drawn = 0
    for place in range(len(chosen)):
        left = _left(place, drawn, len(new), config.share)
        if place and drawn < len(new) and dice[place] < config.share:
            one = _lifted(new[int(order[drawn])], found[-1].scored)
            found.append(Placed(one, left.any * config.share / len(new), True))
            drawn += 1
        else:
            found.append(Placed(chosen[place - drawn], left.exactly, False))
    return found


@dataclass(frozen=True)
class _Left:
    """What may have happened above a place.

    Attributes:
        any: how likely it is that new posts are left.
        exactly: how likely it is that so many were drawn as in fact were, and none is drawn now.
    """

    any: float
    exactly: float


def _left(place: int, drawn: int, new: int, share: float) -> _Left:
    places = max(place - 1, 0)  # above this one, that could have been given to a new post
    if new == 0 or place == 0:
        return _Left(float(new > 0), 1.0)
    chances = [
        math.comb(places, count) * share**count * (1 - share) ** (places - count)
        for count in range(min(new, places + 1))
    ]
    fewer = min(sum(chances), 1.0)
    if drawn == new:
        return _Left(1.0, 1.0 - fewer)
    return _Left(fewer, chances[drawn] * (1 - share))


def _new(
    chosen: Sequence[Scored],
    ranked: Sequence[Scored],
    config: ExplorationConfig,
    diversity: DiversityConfig,
    now: datetime,
) -> list[Scored]:
    """The best new posts that aren't in the list, none the same as another or one in the list."""
    seen = Seen(diversity.near_duplicate, len(chosen) + config.pool)
    for one in chosen:
        seen.is_new(one)
    there = {one.post.post_id for one in chosen}
    since = now - timedelta(days=config.newer_than_days)
    found: list[Scored] = []
    for one in ranked:
        if len(found) == config.pool:
            break
        created_at = one.post.created_at
        is_new = created_at is not None and created_at >= since
        if not is_new or one.reactions >= config.fewer_reactions or one.post.post_id in there:
            continue
        if seen.is_new(one) is not None:
            found.append(one)
    return found


def _lifted(one: Scored, above: Scored) -> Scored:
    part = Part(ReasonKind.EXPLORATION, above.score - one.score)
    return replace(one, parts=(*one.parts, part))


def _seed(person: str, config: ExplorationConfig, now: datetime) -> int:
    period = int(now.timestamp() / (60 * config.every_minutes))
    said = f"{config.salt}{person}\0{period}".encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
