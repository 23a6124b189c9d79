"""One training in this process: the same loop as `commonspace train`, kept at its best epoch."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training import loop
from training.benchmark.recipe import Recipe
from training.embedding import embed_split, fit_audience
from training.errors import BadConfig
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.examples import Examples
from training.model import JointSpace
from training.model.layout import Pair
from training.objective import Objective
from training.query_weights import QueryWeights, choose_query_weights
from training.state import State


@dataclass(frozen=True)
class Fitted:
    """A trained space.

    Attributes:
        space: with the averaged weights of its best epoch.
        examples: what it was trained on.
        epoch: the best one, from 1.
        score: on validation: mean headline metric over the directions of the trained pairs.
        seconds: of the training, validation included.
    """

    space: JointSpace
    examples: Examples
    epoch: int
    score: float
    seconds: float

    def embed(
        self,
        split: str,
        *,
        examples: Examples | None = None,
        identities: Tensor | None = None,
        weights: Mapping[str, Sequence[float]] | None = None,
    ) -> EmbeddedPosts:
        """A split's embeddings; of other examples of the same width if some are given."""
        examples = self.examples if examples is None else examples
        return embed_split(self.space, examples, split, identities, weights=weights)

    def query_weights(self) -> QueryWeights:
        """Weights of the blocks in each direction, chosen on the validation posts."""
        return choose_query_weights(self.embed("validation"), self.space.blocks)


def fit_space(examples: Examples, recipe: Recipe) -> Fitted:
    """Train towers from nothing with `recipe.loop.seed`.

    The best epoch is chosen by the directions of the trained pairs alone: a direction that the
    model is not trained for is no more known to the choice than the test posts are.

    Raises: BadConfig for a sharded user table.
    """
    if recipe.model.user.table.kind == "sharded":
        raise BadConfig(
            "a sharded user table is for `commonspace train`",
            hint="set model.user.table.kind to full or hashed",
        )
    started = time.monotonic()
    torch.manual_seed(recipe.loop.seed)
    space = JointSpace(
        recipe.model,
        users=len(examples.users),
        image_features=examples.features.image.shape[1],
        text_features=examples.features.text.shape[1],
    )
    space.fit_inputs(examples.features, examples.rows("train"))
    objective = Objective(space, recipe.losses)
    chosen = _Best(directions_of(recipe.model.pairs))
    loop.run(loop.begin(objective, recipe.loop), examples, recipe.loop, chosen.see)
    objective.load_state_dict(chosen.weights)
    fit_audience(objective.space, examples)
    seconds = time.monotonic() - started
    return Fitted(objective.eval().space, examples, chosen.epoch, chosen.score, seconds)


def directions_of(pairs: Sequence[Pair]) -> tuple[Direction, ...]:
    """Both directions of each pair."""
    names = {pair: tuple(side.value for side in pair.sides) for pair in pairs}
    return tuple(
        direction
        for direction in Direction
        if any({direction.query, direction.candidate} == set(sides) for sides in names.values())
    )


class _Best:
    """Sees every epoch and keeps the weights of the best one."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        self.keys = [f"validation/{direction.value}" for direction in directions]
        self.epoch, self.score = 0, -1.0
        self.weights: dict[str, Tensor] = {}

    def see(self, metrics: Mapping[str, float], state: State) -> None:
        values = [metrics[key] for key in self.keys if key in metrics]
        score = sum(values) / len(values) if values else 0.0
        # without validation posts the last epoch is the best that is known
        if score > self.score or not values:
            self.epoch, self.score = state.progress.epoch, score
            self.weights = {name: each.clone() for name, each in state.average.items()}
