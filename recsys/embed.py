"""Embedding all posts and people of a space, on a Ray cluster by Ray Data, or here when few."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from recsys.config import IndexConfig
from recsys.versions import Target
from training.errors import NotFound

if TYPE_CHECKING:
    from training.modalities import History, PostFeatures
    from training.space import Space

_MOST_A_TASK = 8192
"""Posts and people of one Ray task: many enough to be worth handing the model to it."""


_HERE_AT_ONCE = 256


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
    """Posts and people to embed, numbered through: first the posts, then the people.

    Attributes:
        space: the model.
        features: (N, F) of all posts, by name of the fields of `PostFeatures`; numpy, which Ray's
            object store shares between processes without a copy.
        rows: (n,) rows of the features: the posts to embed.
        users: ids of the people to embed.
        histories: user id to (row of the features, weight), of those people.
    """

    space: "Space"
    features: dict[str, np.ndarray]
    rows: np.ndarray
    users: Sequence[str]
    histories: Mapping[str, list[tuple[int, float]]]

    def __len__(self) -> int:
        return len(self.rows) + len(self.users)


def embed(work: Work, config: IndexConfig) -> Iterator[Embedded]:
    """Embed everything, in any order, each thing once.

    Yields: vectors of one kind at a time. A post has two or three: image or text or both, and post
        after these; a person of whom the model can make nothing has none.
    """
    if len(work) < config.here_below:
        embedder = Embedder(work)
        for start in range(0, len(work), _HERE_AT_ONCE):
            stop = min(start + _HERE_AT_ONCE, len(work))
            yield from embedder.embed(np.arange(start, stop))
    else:
        with _quiet():
            yield from _by_tasks(work, config.workers)


def _by_tasks(work: Work, workers: int | None) -> Iterator[Embedded]:
    """By Ray tasks, which are run again where a process dies. A chunk is a row: none splits."""
    import ray

    workers = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    size = min(_MOST_A_TASK, -(-len(work) // workers))
    starts = range(0, len(work), size)
    dataset = ray.data.from_items(
        [{"start": start, "stop": min(start + size, len(work))} for start in starts],
        override_num_blocks=len(starts),
    ).map(
        partial(_chunk, work=ray.put(work)),
        compute=ray.data.TaskPoolStrategy(size=workers),
        num_cpus=1,
    )
    for row in dataset.iter_rows():
        for part in zip(row["targets"], row["numbers"], row["vectors"], strict=True):
            yield _unpacked(*part)


def _chunk(row: dict[str, int], work: Any) -> dict[str, Any]:
    """One task: vectors of the numbers from `start` to before `stop`, as bytes."""
    import ray

    parts = Embedder(ray.get(work)).embed(np.arange(row["start"], row["stop"]))
    return {
        "targets": [part.target.value for part in parts],
        "numbers": [part.numbers.tobytes() for part in parts],
        "vectors": [part.vectors.astype(np.float32).tobytes() for part in parts],
    }


def _unpacked(target: str, numbers: bytes, vectors: bytes) -> Embedded:
    places = np.frombuffer(numbers, np.int64)
    rows = np.frombuffer(vectors, np.float32).reshape(len(places), -1)
    return Embedded(Target(target), places, rows)


class Embedder:
    """Embeds posts and people by their number in the work."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def embed(self, numbers: np.ndarray) -> list[Embedded]:
        """Vectors of (n,) numbers, by kind; kinds without any are left out."""
        split = len(self._work.rows)
        parts = self._posts(self._work.rows[numbers[numbers < split]])
        return parts + self._people(numbers[numbers >= split] - split)

    def _posts(self, rows: np.ndarray) -> list[Embedded]:
        if not len(rows):
            return []
        posts, space = self._features(rows), self._work.space
        parts = []
        image, text = posts.has_image, posts.has_text
        if image.any():
            vectors = space.embed_images(posts.image[image])
            parts.append(Embedded(Target.IMAGES, rows[image.numpy()], vectors))
        if text.any():
            vectors = space.embed_texts(posts.text[text])
            parts.append(Embedded(Target.TEXTS, rows[text.numpy()], vectors))
        # last: where the row of a post is, those of its parts are, though the build was cut short
        parts.append(Embedded(Target.POSTS, rows, space.embed_posts(posts)))
        return parts

    def _people(self, places: np.ndarray) -> list[Embedded]:
        if not len(places):
            return []
        try:
            return [Embedded(Target.USERS, places, self._vectors(places))]
        except NotFound:
            # a model without ids or without content can't place everyone
            if len(places) == 1:
                return []
            halves = np.array_split(places, 2)
            return [part for half in halves for part in self._people(half)]

    def _vectors(self, places: np.ndarray) -> np.ndarray:
        users = [self._work.users[int(place)] for place in places]
        return self._work.space.embed_users(self._history(users), users)

    def _history(self, users: Sequence[str]) -> "History":
        import torch

        from training.modalities import History

        own = [self._work.histories.get(user, []) for user in users]
        flat = [(row, owner, weight) for owner, one in enumerate(own) for row, weight in one]
        return History(
            posts=self._features(np.array([row for row, _, _ in flat], dtype=np.int64)),
            owner=torch.tensor([owner for _, owner, _ in flat], dtype=torch.long),
            weight=torch.tensor([weight for _, _, weight in flat], dtype=torch.float32),
            people=len(users),
        )

    def _features(self, rows: np.ndarray) -> "PostFeatures":
        import torch

        from training.modalities import PostFeatures

        # indexing copies, and torch wants memory that may be written, which Ray's isn't
        taken = {name: torch.from_numpy(all_[rows]) for name, all_ in self._work.features.items()}
        return PostFeatures(**taken)


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data without its bars and notes on plans; warnings stay."""
    import ray

    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    levels = {"ray.data": logging.WARNING, "ray.data._internal.progress": logging.ERROR}
    before = {name: logging.getLogger(name).level for name in levels}
    try:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        with ray.data.DataContext.current(context):
            yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)
