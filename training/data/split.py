"""Which posts are held out: by time, or by a seeded draw per person."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from training.data.config import SplitConfig
from training.errors import BadData

TRAIN, VALIDATION, TEST = "train", "validation", "test"
UNUSED = "unused"
"""By a person without training posts, but later than those: neither to learn from nor to ask."""

PARTS = (TRAIN, VALIDATION, TEST, UNUSED)
"""In the order of their codes."""
_TRAIN, _VALIDATION, _TEST, _UNUSED = range(len(PARTS))


def split_posts(
    post_ids: Sequence[str],
    user_ids: Sequence[str],
    created_at: np.ndarray | None,
    config: SplitConfig,
) -> np.ndarray:
    """The part of each post: (N,) of `train`, `validation`, `test` (and, by time, `unused`).

    In every case a person with a validation or test post has a training post.

    Args:
        post_ids: (N,).
        user_ids: (N,) authors.
        created_at: (N,) int64 microseconds, or None if not every post is dated.
        config: strategy, seed and shares.
    Raises: BadData if a split by time is asked for and can't be made.
    """
    authors = np.unique(np.asarray(user_ids, dtype=object), return_inverse=True)[1]
    return np.array(PARTS)[split_codes(post_ids, authors, created_at, config)]


def split_codes(
    post_ids: Iterable[str],
    authors: np.ndarray,
    created_at: np.ndarray | None,
    config: SplitConfig,
) -> np.ndarray:
    """As `split_posts`, in some bytes a post: (N,) uint8, indices of `PARTS`.

    Args:
        post_ids: N; read once, and only for a draw.
        authors: (N,) numbers of the authors, from 0 without gaps.
        created_at: as `split_posts`.
        config: likewise.
    Raises: as `split_posts`.
    """
    if config.strategy == "random":
        return _by_draw(post_ids, authors, config)
    parts = None if created_at is None else _by_time(created_at, authors, config)
    if parts is not None:
        return parts
    if config.strategy == "temporal":
        why = "not every post has created_at" if created_at is None else "no post would be left"
        raise BadData(f"the posts can't be split by time: {why}", hint="use split.strategy=random")
    return _by_draw(post_ids, authors, config)


def _by_time(created_at: np.ndarray, authors: np.ndarray, config: SplitConfig) -> np.ndarray | None:
    """Cut the time line twice. Posts of one instant are never parted; None if a part is empty."""
    ordered = np.sort(created_at)
    test_from = _cut(ordered, config.test_share)
    before = ordered[ordered < test_from]
    if not len(before):
        return None
    validation_from = _cut(before, config.validation_share)
    parts = np.full(len(created_at), _TRAIN, dtype=np.uint8)
    parts[created_at >= validation_from] = _VALIDATION
    parts[created_at >= test_from] = _TEST
    trained = np.zeros(authors.max() + 1, dtype=bool)
    trained[authors[parts == _TRAIN]] = True
    parts[~trained[authors]] = _UNUSED
    return parts if {_TRAIN, _TEST} <= set(np.unique(parts).tolist()) else None


def _cut(ordered: np.ndarray, share: float) -> np.int64:
    """The time from which on the last `share` of these times lie."""
    last = max(1, round(len(ordered) * share))
    return ordered[len(ordered) - last]


def _by_draw(post_ids: Iterable[str], authors: np.ndarray, config: SplitConfig) -> np.ndarray:
    """Per person, the posts with the smallest draws are test, those with the next validation.

    A draw is a hash of seed and post id: it doesn't change when other people or posts come in, nor
    with the order of the rows.
    """
    parts = np.full(len(authors), _TRAIN, dtype=np.uint8)
    if not len(authors):
        return parts
    drawn = (_draw(config.seed, post_id) for post_id in post_ids)
    draws = np.fromiter(drawn, dtype=np.uint64, count=len(authors))
    order = np.lexsort((draws, authors))
    counts = np.bincount(authors)
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(authors), dtype=np.int64)
    rank[order] = np.arange(len(authors)) - np.repeat(starts, counts)
    test = np.maximum(1, np.round(counts * config.test_share)).astype(np.int64)
    test = np.minimum(test, counts - 2)
    validation = np.round((counts - test) * config.validation_share).astype(np.int64)
    validation = np.clip(validation, 1, np.maximum(1, counts - test - 1))
    enough = counts[authors] >= config.min_posts
    parts[enough & (rank < (test + validation)[authors])] = _VALIDATION
    parts[enough & (rank < test[authors])] = _TEST
    return parts


def _draw(seed: int, post_id: str) -> int:
    text = f"{seed}\0{post_id}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
