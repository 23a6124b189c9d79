"""Where a snapshot's posts and people lie in a model's space."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.clean import CleanData
from training.drift.columns import drawn, words_of
from training.embedding import embed_people, embed_posts
from training.features import compute_features
from training.materials import Materials, assemble_examples
from training.observer import SILENT, Observer
from training.run_config import RunConfig
from training.space import IMAGE_ENCODER, TEXT_ENCODER, Space


@dataclass(frozen=True)
class Places:
    """Embeddings of one model.

    Attributes:
        posts: (N, D) unit rows, of all posts or of an even draw.
        post_ids: (N,) text.
        authors: (N,) text.
        labels: (N,) tuples of text: the tags of each post, or its words where it has none.
        people: (U, D) unit rows of those who could be placed.
        user_ids: (U,) text.
    """

    posts: np.ndarray
    post_ids: np.ndarray
    authors: np.ndarray
    labels: np.ndarray
    people: np.ndarray
    user_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.posts)

    def only(self, rows: np.ndarray) -> "Places":
        """The same with some of its posts: (n,) rows or (N,) bool."""
        return Places(
            self.posts[rows],
            self.post_ids[rows],
            self.authors[rows],
            self.labels[rows],
            self.people,
            self.user_ids,
        )


def place(
    data: CleanData,
    space: Space,
    model_folder: Path,
    config: RunConfig,
    workspace: Path,
    *,
    most_rows: int,
    seed: int,
    observer: Observer = SILENT,
) -> Places:
    """Embed a snapshot through a saved model and its own encoders; features are cached.

    Args:
        data: clean tables.
        space: the model.
        model_folder: where it was loaded from.
        config: says what a history is.
        workspace: has the caches.
        most_rows: posts at most; all people are placed.
        seed: of the draw of posts.
        observer: sees the progress.
    """
    features = compute_features(
        data,
        model_folder / IMAGE_ENCODER,
        model_folder / TEXT_ENCODER,
        workspace / "features",
        progress=observer.advance,
    )
    materials = Materials(data, features, assemble_examples(config, data, features))
    rows = drawn(len(features.post_ids), most_rows, seed)
    _, _, posts = embed_posts(space.joint, features.posts[rows])  # type: ignore[arg-type]
    identities = materials.identities(space.users)
    people, present = embed_people(space.joint, materials.examples, identities)
    return Places(
        posts=posts,
        post_ids=features.post_ids[rows],
        authors=features.user_ids[rows],
        labels=_labels(data)[rows],
        people=people[present],
        user_ids=np.array(materials.examples.users, dtype=str)[present],
    )


def _labels(data: CleanData) -> np.ndarray:
    table = data.posts(["text", "tags"])
    found = np.empty(len(table), dtype=object)
    pairs = zip(table["tags"].to_pylist(), table["text"].to_pylist(), strict=True)
    for row, (tags, text) in enumerate(pairs):
        found[row] = tuple(dict.fromkeys(tags or words_of(text)))
    return found
