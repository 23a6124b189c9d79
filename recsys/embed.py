"""Embedding all posts and people of a space with Ray Data, as one stream of vectors."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recsys.versions import Target
from training.errors import NotFound

if TYPE_CHECKING:
    from training.modalities import History, PostFeatures
    from training.space import Space

Histories = Mapping[str, list[tuple[int, float]]]
"""User id to (row of the features, weight), as `training.histories` makes them."""


@dataclass(frozen=True)
class Embedded:
    """Vectors of one kind.

    Attributes:
        target: users, images, texts or posts.
        numbers: (n,) places among the people, or rows of the features.
        vectors: (n, D) float32 unit rows.
    """

    target: Target
    numbers: np.ndarray
    vectors: np.ndarray


@dataclass(frozen=True)
class Work:
    """Posts and people to embed, numbered through: first the posts, then the people.

    Attributes:
        space: the model.
        features: (N, F) of all posts, by name of the fields of `PostFeatures`; numpy, which Ray's
            object store shares between processes without a copy.
        rows: (n,) rows of the features: the posts to embed.
        users: ids of the people to embed.
        histories: of those people.
    """

    space: "Space"
    features: dict[str, np.ndarray]
    rows: np.ndarray
    users: Sequence[str]
    histories: Histories

    def __len__(self) -> int:
        return len(self.rows) + len(self.users)


def embed(work: Work, batch_size: int, workers: int) -> Iterator[Embedded]:
    """Embed in parallel; order is not kept.

    Args:
        work: what.
        batch_size: posts and people at a time.
        workers: Ray actors, one CPU each.
    Yields: vectors of one kind at a time. A post has two or three: post, and image or text or both;
        a person of whom the model can make nothing has none.
    """
    import ray

    dataset = ray.data.range(len(work), override_num_blocks=-(-len(work) // batch_size))
    dataset = dataset.map_batches(
        Embedder,
        batch_size=batch_size,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        fn_constructor_args=[ray.put(work)],
    )
    dataset.context.enable_progress_bars = False  # the caller shows progress in its own words
    dataset.context.print_on_execution_start = False
    for batch in dataset.iter_batches(batch_size=None, batch_format="numpy"):
        yield from _unpacked(cast("dict[str, np.ndarray]", batch))


class Embedder:
    """The actor: embeds batches of numbers."""

    def __init__(self, work: Any) -> None:
        import ray

        self._work: Work = ray.get(work)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Numbers of posts and people to rows of target, number and vector."""
        numbers, split = batch["id"], len(self._work.rows)
        parts = self._posts(self._work.rows[numbers[numbers < split]])
        parts += self._people(numbers[numbers >= split] - split)
        nothing = np.zeros((0, self._work.space.dimension), dtype=np.float32)
        return {
            "target": np.array([str(part.target) for part in parts for _ in part.numbers], str),
            "number": np.concatenate([numbers[:0], *(part.numbers for part in parts)]),
            "vector": np.concatenate([nothing, *(part.vectors for part in parts)]),
        }

    def _posts(self, rows: np.ndarray) -> list[Embedded]:
        if not len(rows):
            return []
        posts, space = self._features(rows), self._work.space
        parts = [Embedded(Target.POSTS, rows, space.embed_posts(posts))]
        image, text = posts.has_image, posts.has_text
        if image.any():
            vectors = space.embed_images(posts.image[image])
            parts.append(Embedded(Target.IMAGES, rows[image.numpy()], vectors))
        if text.any():
            vectors = space.embed_texts(posts.text[text])
            parts.append(Embedded(Target.TEXTS, rows[text.numpy()], vectors))
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


def _unpacked(batch: dict[str, np.ndarray]) -> Iterator[Embedded]:
    for target in Target:
        mine = batch["target"] == target.value
        if mine.any():
            yield Embedded(target, batch["number"][mine], batch["vector"][mine])
