"""A list that isn't all one author or one picture."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from recsys.config import DiversityConfig
from recsys.ranking import Scored, in_order


def diverse(
    ranked: Sequence[Scored], k: int, config: DiversityConfig, *, fill: bool
) -> list[Scored]:
    """The best k without near-duplicates, and with few posts of any one author.

    Args:
        ranked: best first.
        k: how many.
        config: the limits.
        fill: whether places that the limit per author leaves empty go to the authors who have used
            theirs up. A short list may mean that better variety has to be fetched first.
    Returns: at most k, best first.
    """
    chosen: list[Scored] = []
    over: list[Scored] = []
    of_author: Counter[str] = Counter()
    seen = _Seen(config.near_duplicate, k)
    for one in ranked:
        if len(chosen) == k:
            break
        if of_author[one.post.user_id] >= config.per_author:
            over.append(one)
        elif seen.is_new(one):
            of_author[one.post.user_id] += 1
            chosen.append(one)
    for one in over if fill else ():
        if len(chosen) == k:
            break
        if seen.is_new(one):
            chosen.append(one)
    return in_order(chosen)


class _Seen:
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
