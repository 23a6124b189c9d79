"""Places for new posts: without them, what nobody saw is never reacted to, and never shown.

What is drawn, is drawn with a probability that is known and kept, so that logs of what was shown
tell what another recommender would have earned (Li et al., WSDM 2011).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from scipy.stats import binom

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig, ExplorationConfig
from recsys.diversity import Seen
from recsys.ranking import Part, Scored


@dataclass(frozen=True)
class Placed:
    """A post with its place in an answer.

    Attributes:
        scored: the post.
        propensity: how likely it was to be anywhere in the list, (0, 1].
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
    most = min(len(chosen) - 1, len(new))
    if most < 1:
        return [Placed(one, 1.0, False) for one in chosen]
    likely = _counts(len(chosen) - 1, most, config.share)
    random = np.random.default_rng(_seed(person, config, now))
    count = int(random.choice(len(likely), p=likely))
    places = set(1 + random.choice(len(chosen) - 1, count, replace=False))
    drawn = iter(random.choice(len(new), count, replace=False))
    each = float(likely @ np.arange(len(likely))) / len(new)
    kept = iter(
        Placed(one, float(likely[: len(chosen) - rank].sum()), False)
        for rank, one in enumerate(chosen)
    )
    found: list[Placed] = []
    for place in range(len(chosen)):
        if place in places:
            found.append(Placed(_lifted(new[next(drawn)], found[-1].scored), each, True))
        else:
            found.append(next(kept))
    return found


def _counts(places: int, most: int, share: float) -> np.ndarray:
    """(most + 1,) how likely each number of new posts is: binomial, but for what isn't there."""
    likely = binom.pmf(np.arange(most + 1), places, share)
    likely[most] += max(1.0 - float(likely.sum()), 0.0)
    return likely / likely.sum()


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
        if seen.is_new(one):
            found.append(one)
    return found


def _lifted(one: Scored, above: Scored) -> Scored:
    part = Part(ReasonKind.EXPLORATION, above.score - one.score)
    return replace(one, parts=(*one.parts, part))


def _seed(person: str, config: ExplorationConfig, now: datetime) -> int:
    period = int(now.timestamp() / (60 * config.every_minutes))
    said = f"{person}\0{period}".encode()
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest(), "big")
