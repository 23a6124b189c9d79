"""A list that isn't all one author, one picture or one subject."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig
from recsys.ranking import Part, Scored, in_order, telling_digits


def diverse(
    ranked: Sequence[Scored], k: int, config: DiversityConfig, *, fill: bool
) -> list[Scored]:
    """The best k without near-duplicates, with few posts of any one author, and with variety.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): each next post is the best by
    (1 - s) relevance - s likeness, with relevance measured by the range of scores in the pool, and
    likeness as the greatest cosine to a post above it, at least 0. Here it is divided by 1 - s, so
    that likeness is a deduction from the score, and a part of it; the list still falls by score.

    Args:
        ranked: best first.
        k: how many.
        config: the limits.
        fill: whether places that the limit per author leaves empty go to the authors who have used
            theirs up. A short list may mean that better variety has to be fetched first.
    Returns: at most k, best first.
    """
    pool = list(ranked[: max(config.pool, 2 * k)])
    if not pool:
        return []
    strength = config.strength / (1 - config.strength)
    unit = strength * (pool[0].score - pool[-1].score)
    chosen = _varied(pool, k, config, unit)
    if len(chosen) < k:
        chosen = _filled(ranked, k, config, chosen, unit, fill=fill)
    return chosen


def _varied(pool: Sequence[Scored], k: int, config: DiversityConfig, unit: float) -> list[Scored]:
    """Greedy choice from the pool; likeness 1 costs a `unit`."""
    scores = np.array([one.score for one in pool])
    digits = telling_digits(scores.tolist())
    rows = _matrix(pool)
    likeness = np.zeros(len(pool))  # to the nearest post above, at least 0
    free = np.ones(len(pool), dtype=bool)
    of_author: Counter[str] = Counter()
    images: set[str] = set()
    chosen: list[Scored] = []
    while len(chosen) < k and free.any():
        worth = np.round(scores - unit * likeness, digits)
        best = int(np.argmax(np.where(free, worth, -np.inf)))
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


def _filled(
    ranked: Sequence[Scored],
    k: int,
    config: DiversityConfig,
    chosen: Sequence[Scored],
    unit: float,
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
        elif (likeness := seen.is_new(one)) is not None:
            of_author[one.post.user_id] += 1
            found.append(_after(one, unit * likeness))
    for one in over if fill else ():
        if len(found) == k:
            break
        if (likeness := seen.is_new(one)) is not None:
            found.append(_after(one, unit * likeness))
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

    def is_new(self, one: Scored) -> float | None:
        """The greatest cosine to what is in the list, at least 0; it is in the list from now on.

        None if something in the list is nearly the same.
        """
        image, likeness = one.post.image_hash, 0.0
        if image is not None and image in self._images:
            return None
        if one.vector is not None:
            if self._vectors is None:
                self._vectors = np.empty((self._most, len(one.vector)), dtype=np.float32)
            cosines = self._vectors[: self._count] @ one.vector
            likeness = max(float(cosines.max(initial=0.0)), 0.0)
            if likeness >= self._near:
                return None
            self._vectors[self._count] = one.vector
            self._count += 1
        if image is not None:
            self._images.add(image)
        return likeness
