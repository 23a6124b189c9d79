"""The models of the comparison: what each is called, what it may be tuned by, how it is fitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from training.modalities import PostFeatures
from training.reactions import baselines, implicit_models
from training.reactions.config import ReactionConfig
from training.reactions.decay import history_weights
from training.reactions.fit import fit_space
from training.reactions.holdout import Holdout
from training.reactions.ranking import LIKES, Scorer, Task

Settings = Mapping[str, float]
EASE_GRID = ({"regularisation": 100}, {"regularisation": 200}, {"regularisation": 400})
START = "reactions_closed_form"
OURS = "reactions"
CONTROL = "ease_recency"


class Role(StrEnum):
    """What a model is there for."""

    BASELINE = "baseline"
    CONTROL = "control"
    OURS = "ours"


@dataclass(frozen=True)
class Contender:
    """A model bound to one hold-out.

    Attributes:
        role: baselines are what the claim is judged against.
        fit: (seed, settings) to a scorer.
        grid: settings to choose from on validation; one means nothing to choose.
        seeded: whether the seed changes anything.
    """

    role: Role
    fit: Callable[[int, Settings], Scorer]
    grid: tuple[Settings, ...] = ({},)
    seeded: bool = False


def baselines_of(holdout: Holdout, config: ReactionConfig) -> dict[str, Contender]:
    """The baselines on the training part of a hold-out, and as a control EASE with our recency.

    All see the same likes, without weights: these models know no kinds. EASE is left out where
    its dense matrix would not fit.
    """
    held = holdout.held.likes()
    likes = held.matrix(np.ones(len(held)))
    recent = held.matrix(history_weights(held, config.recency, config.half_life_days))
    weights = lru_cache(maxsize=len(EASE_GRID))(lambda r: baselines.ease_weights(likes, r))
    found = {
        "random": Contender(
            Role.BASELINE, lambda seed, _: baselines.random_order(likes, seed), seeded=True
        ),
        "popularity": Contender(Role.BASELINE, lambda *_: baselines.popularity(likes)),
        "item_knn": Contender(
            Role.BASELINE,
            lambda _, s: baselines.item_knn(likes, int(s["neighbours"]), s["shrink"]),
            tuple(
                {"neighbours": n, "shrink": s} for n, s in ((20, 0), (50, 10), (100, 0), (200, 10))
            ),
        ),
        "bpr": Contender(
            Role.BASELINE,
            lambda seed, s: implicit_models.bpr(
                likes, int(s["factors"]), s["learning_rate"], int(s["epochs"]), seed
            ),
            tuple(
                {"factors": f, "learning_rate": r, "epochs": e}
                for f, r, e in ((32, 0.05, 50), (64, 0.05, 100), (128, 0.05, 150), (32, 0.01, 200))
            ),
            seeded=True,
        ),
        "als": Contender(
            Role.BASELINE,
            lambda seed, s: implicit_models.als(
                likes, int(s["factors"]), s["regularisation"], s["alpha"], seed
            ),
            tuple(
                {"factors": f, "regularisation": r, "alpha": a}
                for f, r, a in ((32, 10, 1), (64, 10, 1), (128, 10, 1), (64, 30, 4))
            ),
            seeded=True,
        ),
    }
    if held.posts <= baselines.MOST_DENSE_POSTS:
        found["ease"] = Contender(
            Role.BASELINE,
            lambda _, s: baselines.linear(likes, weights(s["regularisation"])),
            EASE_GRID,
        )
        found[CONTROL] = Contender(
            Role.CONTROL,
            lambda _, s: baselines.linear(recent, weights(s["regularisation"])),
            EASE_GRID,
        )
    return found


def ours_of(
    holdout: Holdout, features: PostFeatures, config: ReactionConfig
) -> dict[str, Contender]:
    """The model of reactions with its settings chosen, with and without fine-tuning."""

    def fit(seed: int, epochs: int) -> Scorer:
        own = config.model_copy(update={"epochs": epochs})
        space = fit_space(holdout.held, holdout.train.posts, features, own, seed)
        return lambda people: space.scores(holdout.held.of(people))

    return {
        START: Contender(Role.OURS, lambda seed, _: fit(seed, 0), seeded=True),
        OURS: Contender(Role.OURS, lambda seed, _: fit(seed, config.epochs), seeded=True),
    }


def tune(contender: Contender, task: Task, seed: int) -> tuple[Settings, float]:
    """The settings with the best nDCG@10 on a validation task, and that figure."""
    figures = []
    for settings in contender.grid:
        measured = task.measure(contender.fit(seed, settings), (LIKES,))
        figures.append(float(np.mean(measured[LIKES]["ndcg@10"])))
    best = int(np.argmax(figures))
    return contender.grid[best], figures[best]
