"""Embedding all posts and people of a space, on a Ray cluster piece by piece, or here when few.

A piece goes to a task with the features and the learned vectors that it needs and nothing else, and
few are under way: so no process but this one, which has the model, holds more for ten million posts
and people than for ten thousand.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.config import IndexConfig
from recsys.versions import Target
from training.errors import NotFound

if TYPE_CHECKING:
    from training.modalities import History, PostFeatures
    from training.towers import Learned, Towers

_POSTS_A_TASK = 8192
"""Many enough to be worth handing them over."""
_HISTORY_A_TASK = 16_384
"""Posts of the histories of a task's people; those of one person are never parted."""
_AT_ONCE = 1024
"""Posts, or people, that go through the towers together: what is in between takes many times their
room. The history of one person is never parted."""
_HERE_AT_ONCE = 256
_AHEAD = 2
"""Pieces a worker has: one that it embeds, and the next."""


@dataclass(frozen=True)
class Embedded:
    """Vectors of one kind.

    Attributes:
        target: users, images, texts or posts.
        numbers: (n,) int64 places among the people, or rows of the features.
        vectors: (n, D) float32 unit rows.
    """

    target: Target
    numbers: np.ndarray
    vectors: np.ndarray

    def split(self, most: int) -> "Iterator[Embedded]":
        """The same in parts of at most so many vectors."""
        for start in range(0, len(self.numbers), most):
            some = slice(start, start + most)
            yield Embedded(self.target, self.numbers[some], self.vectors[some])


@dataclass(frozen=True)
class Work:
    """Posts and people to embed.

    Attributes:
        towers: of the model.
        features: of N posts; may be mapped from a file.
        rows: (n,) rows of the features: the posts to embed.
        users: ids of the people to embed.
        history_rows: (H,) rows of the features, of more people maybe.
        history_weight: (H,) float32 of each.
        history_start: (p,) where the history of each of the people begins in these.
        history_length: (p,) how many posts it has.
    """

    towers: "Towers"
    features: "PostFeatures"
    rows: np.ndarray
    users: Sequence[str]
    history_rows: np.ndarray
    history_weight: np.ndarray
    history_start: np.ndarray
    history_length: np.ndarray

    def __len__(self) -> int:
        return len(self.rows) + len(self.users)

    def history(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows and weights of a person's history."""
        some = slice(
            self.history_start[place], self.history_start[place] + self.history_length[place]
        )
        return self.history_rows[some], self.history_weight[some]

    def only(self, rows: np.ndarray, places: Sequence[int]) -> "Work":
        """The same for some posts, and for people at some places."""
        chosen = np.array(places, dtype=np.int64)
        return replace(
            self,
            rows=rows,
            users=[self.users[place] for place in places],
            history_start=self.history_start[chosen],
            history_length=self.history_length[chosen],
        )

    def pieces(self, posts: int, history: int) -> "Iterator[Piece]":
        """All of it, in parts: first the posts, then the people.

        Args:
            posts: of a part.
            history: posts in the histories of a part's people, about.
        """
        for start in range(0, len(self.rows), posts):
            rows = self.rows[start : start + posts]
            yield Piece(rows, self._features(rows))
        if not len(self.users):
            return
        # everybody counts for one post at least, so that no part has too many of the silent
        upto = np.cumsum(np.maximum(self.history_length, 1))
        cuts = np.flatnonzero(np.diff(upto // history)) + 1
        for places in np.split(np.arange(len(self.users)), cuts):
            yield self._people(places)

    def _people(self, places: np.ndarray) -> "Piece":
        found = [self.history(int(place)) for place in places]
        users = tuple(self.users[int(place)] for place in places)
        rows = np.concatenate([rows for rows, _ in found])
        return Piece(
            places,
            self._features(rows),
            users,
            np.repeat(np.arange(len(places)), [len(rows) for rows, _ in found]),
            np.concatenate([weight for _, weight in found]),
            self.towers.learned(users),
        )

    def _features(self, rows: np.ndarray) -> "PostFeatures":
        import torch

        return self.features[torch.from_numpy(rows)]


@dataclass(frozen=True)
class Piece:
    """Posts, or people, with all that their vectors are made of.

    Attributes:
        numbers: (n,) rows of the posts, or places of the people.
        features: of these posts, or (m,) of the people's histories.
        users: ids of the n people; None for posts.
        owner: (m,) whose history a post belongs to, in [0, n), ascending.
        weight: (m,) float32.
        learned: of those of the n people whom the model knows.
    """

    numbers: np.ndarray
    features: "PostFeatures"
    users: tuple[str, ...] | None = None
    owner: np.ndarray | None = None
    weight: np.ndarray | None = None
    learned: "Learned | None" = None


def embed(work: Work, config: IndexConfig) -> Iterator[Embedded]:
    """Embed everything, in any order, each thing once.

    Yields: vectors of one kind at a time. A post has two or three: image or text or both, and post
        after these; a person of whom the model can make nothing has none.
    """
    if len(work) < config.here_below:
        for piece in work.pieces(_HERE_AT_ONCE, _HERE_AT_ONCE):
            yield from Embedder(work.towers).embed(piece)
    else:
        yield from _by_tasks(work, config.workers)


def _by_tasks(work: Work, workers: int | None) -> Iterator[Embedded]:
    """By Ray tasks, which are run again where a process dies; few pieces are under way."""
    import ray

    workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    posts = min(_POSTS_A_TASK, -(-len(work) // workers))
    towers = ray.put(work.towers.knowing(work.towers.learned(())))
    task = ray.remote(_embed_piece).options(num_cpus=1, max_retries=-1)
    waiting: deque[Any] = deque()
    for piece in work.pieces(posts, _HISTORY_A_TASK):
        waiting.append(task.remote(towers, piece))
        if len(waiting) >= _AHEAD * workers:
            yield from ray.get(waiting.popleft())
    while waiting:
        yield from ray.get(waiting.popleft())


def _embed_piece(towers: "Towers", piece: Piece) -> list[Embedded]:
    return Embedder(towers).embed(piece)


class Embedder:
    """Embeds pieces.

    Args:
        towers: of the model; people's learned vectors come with the pieces.
    """

    def __init__(self, towers: "Towers") -> None:
        self._towers = towers

    def embed(self, piece: Piece) -> list[Embedded]:
        """Vectors of a piece, by kind; kinds without any are left out."""
        if piece.users is None:
            some = [slice(at, at + _AT_ONCE) for at in range(0, len(piece.numbers), _AT_ONCE)]
            parts = [self._posts(piece.numbers[each], piece.features[each]) for each in some]
            return _joined(chain.from_iterable(parts))
        assert piece.learned is not None
        return _joined(self._people(piece, self._towers.knowing(piece.learned)))

    def _posts(self, rows: np.ndarray, posts: "PostFeatures") -> list[Embedded]:
        parts = []
        image, text = posts.has_image, posts.has_text
        if image.any():
            vectors = self._towers.embed_images(posts.image[image])
            parts.append(Embedded(Target.IMAGES, rows[image.numpy()], vectors))
        if text.any():
            vectors = self._towers.embed_texts(posts.text[text])
            parts.append(Embedded(Target.TEXTS, rows[text.numpy()], vectors))
        parts.append(Embedded(Target.POSTS, rows, self._towers.embed_posts(posts)))
        return parts

    def _people(self, piece: Piece, towers: "Towers") -> list[Embedded]:
        assert piece.users is not None and piece.owner is not None
        people = len(piece.users)
        if people == 1 or max(people, len(piece.owner)) <= _AT_ONCE:
            try:
                vectors = towers.embed_users(_history(piece), piece.users)
                return [Embedded(Target.USERS, piece.numbers, vectors)]
            except NotFound:
                # a model without ids or without content can't place everyone
                if people == 1:
                    return []
        return [part for half in _halves(piece) for part in self._people(half, towers)]


def _joined(parts: Iterable[Embedded]) -> list[Embedded]:
    """One part a kind, since each is inserted by itself."""
    found: dict[Target, list[Embedded]] = {}
    for part in parts:
        found.setdefault(part.target, []).append(part)
    # posts last: where the row of one is, those of its parts are, though the build was cut short
    return [
        Embedded(
            target,
            np.concatenate([part.numbers for part in found[target]]),
            np.concatenate([part.vectors for part in found[target]]),
        )
        for target in sorted(found, key=lambda target: target is Target.POSTS)
    ]


def _history(piece: Piece) -> "History":
    import torch

    from training.modalities import History

    assert piece.users is not None and piece.owner is not None and piece.weight is not None
    # copies: what came through Ray's object store may not be written, and torch wants that it may
    return History(
        posts=piece.features,
        owner=torch.from_numpy(piece.owner.astype(np.int64)),
        weight=torch.from_numpy(piece.weight.astype(np.float32)),
        people=len(piece.users),
    )


def _halves(piece: Piece) -> Iterator[Piece]:
    """Both halves of the people, as views: nothing is copied, however long the histories are."""
    assert piece.users is not None and piece.owner is not None and piece.weight is not None
    middle = len(piece.users) // 2
    cut = int(np.searchsorted(piece.owner, middle))  # owners ascend
    for people, posts, first in (
        (slice(0, middle), slice(0, cut), 0),
        (slice(middle, None), slice(cut, None), middle),
    ):
        yield Piece(
            piece.numbers[people],
            piece.features[posts],
            piece.users[people],
            piece.owner[posts] - first,
            piece.weight[posts],
        )
