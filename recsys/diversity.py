"""A list that isn't all one author, one picture or one subject."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig
from recsys.ranking import Part, Scored, in_order


def diverse(
    ranked: Sequence[Scored], k: int, config: DiversityConfig, *, fill: bool
) -> list[Scored]:
    """The best k without near-duplicates, with few posts of any one author, and with variety.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each next post is the best
    after a deduction for its likeness to those above it. The deduction is a part of its score, so
    the list still falls by score.

    Args:
        ranked: best first.
        k: how many.
        config: the limits.
        fill: whether places that the limit per author leaves empty go to the authors who have used
            theirs up. A short list may mean that better variety has to be fetched first.
    Returns: at most k, best first.
    """
    chosen = _varied(ranked, k, config)
    if len(chosen) < k:
        chosen = _plain(ranked, k, config, chosen, fill=fill)
    return chosen


def _varied(ranked: Sequence[Scored], k: int, config: DiversityConfig) -> list[Scored]:
    """Greedy choice among the best of the pool, as far as its posts do."""
    pool = list(ranked[: max(config.pool, 2 * k)])
    scores = np.array([one.score for one in pool])
    if not pool:
        return []
    unit = config.strength * float(scores[0] - scores[-1])
    rows = _matrix(pool)
    likeness = np.zeros(len(pool))  # to the nearest post above, at least 0
    free = np.ones(len(pool), dtype=bool)
    of_author: Counter[str] = Counter()
    images: set[str] = set()
    chosen: list[Scored] = []
    while len(chosen) < k and free.any():
        worth = np.where(free, scores - unit * likeness, -np.inf)
        best = int(np.argmax(worth))
        one = pool[best]
        free[best] = False
        image, author = one.post.image_hash, one.post.user_id
        if of_author[author] >= config.per_author:
            continue
        if (image is not None and image in images) or likeness[best] >= config.near_duplicate:
            continue
        chosen.append(_after(one, unit * float(likeness[best])))
        of_author[author] += 1
        if image is not None:
            images.add(image)
        likeness = np.maximum(likeness, rows @ rows[best])
    return chosen


def _plain(
    ranked: Sequence[Scored],
    k: int,
    config: DiversityConfig,
    chosen: list[Scored],
    *,
    fill: bool,
) -> list[Scored]:
    """The list filled up from below the pool, and with further posts of its authors."""
    seen = Seen(config.near_duplicate, k)
    of_author: Counter[str] = Counter()
    for one in chosen:
        seen.is_new(one)
        of_author[one.post.user_id] += 1
    there = {one.post.post_id for one in chosen}
    over: list[Scored] = []
    found = list(chosen)
    for one in ranked:
        if len(found) == k:
            break
        if one.post.post_id in there:
            continue
        if of_author[one.post.user_id] >= config.per_author:
            over.append(one)
        elif seen.is_new(one):
            of_author[one.post.user_id] += 1
            found.append(one)
    for one in over if fill else ():
        if len(found) == k:
            break
        if seen.is_new(one):
            found.append(one)
    return in_order(found)


def _after(one: Scored, deduction: float) -> Scored:
    if not deduction:
        return one
    return replace(one, parts=(*one.parts, Part(ReasonKind.DIVERSITY, -deduction)))


def _matrix(pool: Sequence[Scored]) -> np.ndarray:
    """(N, D) rows; of posts that aren't indexed, zeros."""
    width = next((len(one.vector) for one in pool if one.vector is not None), 0)
    nothing = np.zeros(width, dtype=np.float32)
    return np.stack([nothing if one.vector is None else one.vector for one in pool])


class Seen:
    """What is in the list already, by picture and by vector."""

    def __init__(self, near: float, most: int) -> None:
        self._near = near
        self._most = most
        self._images: set[str] = set()
        self._vectors: np.ndarray | None = None  # (most, D), filled from the top
        self._count = 0

    def is_new(self, one: Scored) -> bool:
        """Whether nothing in the list is nearly the same; if so, it is in the list from now on."""
        image = one.post.image_hash
        if image is not None and image in self._images:
            return False
        if one.vector is not None:
            if self._vectors is None:
                self._vectors = np.empty((self._most, len(one.vector)), dtype=np.float32)
            if np.any(self._vectors[: self._count] @ one.vector >= self._near):
                return False
            self._vectors[self._count] = one.vector
            self._count += 1
        if image is not None:
            self._images.add(image)
        return True
