"""How a training part becomes an index: by the joint space, or by the space of reactions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from recsys.events.database import Events
from recsys.index import build_index
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.data.tables import REACTIONS

if TYPE_CHECKING:
    from recsys.evaluation.reactions import Learned
    from recsys.evaluation.split import Training
    from training.benchmark.recipe import Recipe
    from training.space import Space
    from training.towers import Towers

Indexer = Callable[[VectorStore, Events], None]
"""Makes the live index of a store, of the posts and people of an event database."""

MODEL = "1"
_VALIDATION_SHARE = 0.1
"""Of each person's known posts, by which the best epoch is chosen."""


@dataclass(frozen=True)
class ByReactions:
    """Posts and people where the model of reactions has them, for likeness.

    Without the coordinate that fills a post's length up to 1: it is nearly all of a post that few
    like, and any two of these would be alike by it. Popularity goes with it, which likeness has no
    use for; the model itself ranks with it.

    Attributes:
        training: whose people are placed.
        learned: the model.
    """

    training: "Training"
    learned: "Learned"

    def __call__(self, store: VectorStore, events: Events) -> None:
        """Build and publish; people of whom nothing is held have no place yet."""
        training = self.training
        vectors = _on_sphere(self.learned.posts[:, :-1])
        placed = np.unique(training.held.person)
        users = [training.users[person] for person in placed]
        people = _on_sphere(self.learned.place(training.held.of(placed))[:, :-1])
        ids = [post.post_id for post in training.posts]
        with events.hold(f"index {store.config.prefix}"):
            build = store.begin(MODEL, vectors.shape[1])
            for target in (Target.POSTS, Target.TEXTS):
                build.insert(target, ids, vectors, training.posts)
            build.insert(Target.USERS, users, people)
            store.publish(build)


@dataclass(frozen=True)
class ByJointSpace:
    """Posts and people where a joint space has them that is trained on the posts that were there.

    Attributes:
        training: gives posts and authors.
        recipe: of the training; the defaults of `commonspace train`.
        seed: of it.
    """

    training: "Training"
    recipe: "Recipe"
    seed: int = 0

    def __call__(self, store: VectorStore, events: Events) -> None:
        """Train, then build the index as `commonspace index` does."""
        from training.features import FeatureTable

        training = self.training
        ids = np.array([post.post_id for post in training.posts])
        authors = np.array([post.user_id for post in training.posts])
        table = FeatureTable(ids, authors, training.features, 0, 0)
        history = training.config.history
        # of a space, the towers are all that an index of features needs
        space = cast("Space", self._trained())
        build_index(space, table, store, events, MODEL, history=history)

    def _trained(self) -> "Towers":
        from training.benchmark.fitting import fit_space
        from training.data.config import SplitConfig
        from training.data.split import TEST, TRAIN, VALIDATION, split_posts
        from training.examples import assemble
        from training.histories import histories
        from training.towers import Towers

        training = self.training
        posts = [training.posts[row] for row in np.flatnonzero(training.known)]
        ids, authors = [post.post_id for post in posts], [post.user_id for post in posts]
        draw = SplitConfig(strategy="random", test_share=_VALIDATION_SHARE, seed=self.seed)
        parts = split_posts(ids, authors, None, draw).tolist()
        examples = assemble(
            training.known_features,
            authors,
            [post.text for post in posts],
            [post.image_hash for post in posts],
            [VALIDATION if part == TEST else TRAIN for part in parts],
            histories(ids, authors, REACTIONS.empty_table(), training.config.history),
        )
        fitted = fit_space(examples, self.recipe.seeded(self.seed))
        return Towers(fitted.space, examples.users, fitted.query_weights())


def _on_sphere(rows: np.ndarray) -> np.ndarray:
    """Unit rows; of a row without length, the last coordinate."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    last = np.zeros_like(rows)
    last[:, -1] = 1
    return np.where(length > 1e-6, rows / np.maximum(length, 1e-6), last).astype(np.float32)
