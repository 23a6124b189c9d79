"""The models of the comparison: what each is called, what it may be tuned by, how it is fitted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from scipy import sparse

from training.modalities import PostFeatures
from training.reactions import baselines, implicit_models
from training.reactions.config import ReactionConfig, RecencyConfig
from training.reactions.content import Content
from training.reactions.decay import history_weights
from training.reactions.fit import fit_space
from training.reactions.holdout import Holdout
from training.reactions.ranking import LIKES, Scorer, Task
from training.reactions.selection import RECENCIES

Settings = Mapping[str, float]
START = "reactions_closed_form"
OURS = "reactions"
RECENT_EASE, CONTENT = "ease_recency", "content"

_RECENT = [{"share": each.share, "reach": each.reach} for each in RECENCIES]
_STRENGTHS = (50, 100, 200, 400, 1000)
GRIDS: dict[str, tuple[Settings, ...]] = {
    "item_knn": tuple(
        {"neighbours": n, "shrink": s}
        for n, s in ((20, 0), (50, 0), (50, 10), (100, 0), (100, 10), (200, 10), (400, 20))
    ),
    "bpr": tuple(
        {"factors": f, "learning_rate": r, "epochs": e}
        for f, r, e in ((32, 0.05, 50), (64, 0.05, 100), (128, 0.05, 150), (32, 0.01, 200))
    ),
    "als": tuple(
        {"factors": f, "regularisation": r, "alpha": a}
        for f, r, a in ((32, 10, 1), (64, 10, 1), (128, 10, 1), (128, 30, 1), (64, 30, 4))
    ),
    "ease": tuple({"regularisation": r} for r in _STRENGTHS),
    RECENT_EASE: tuple({"regularisation": r, **each} for r in (100, 200, 400) for each in _RECENT),
    CONTENT: tuple(_RECENT),
}
"""What each may choose from on validation; a model that isn't here has nothing to choose."""


class Role(StrEnum):
    """What a model is there for."""

    BASELINE = "baseline"
    """The claims are judged against these."""
    CONTROL = "control"
    """What a part of our model is worth alone: recency in EASE, content without reactions."""
    OURS = "ours"


@dataclass(frozen=True)
class Contender:
    """A model bound to one hold-out.

    Attributes:
        role: see there.
        fit: (seed, settings) to a scorer.
        grid: settings to choose from on validation; one means nothing to choose.
        seeded: whether the seed changes anything.
    """

    role: Role
    fit: Callable[[int, Settings], Scorer]
    grid: tuple[Settings, ...] = ({},)
    seeded: bool = False


def rivals_of(
    holdout: Holdout, features: PostFeatures, config: ReactionConfig
) -> dict[str, Contender]:
    """Baselines and controls on the training part of a hold-out.

    All see the same likes, without weights: these models know no kinds. EASE is left out where
    its dense matrix would not fit.
    """
    held = holdout.held.likes()
    likes = held.matrix(np.ones(len(held)))
    block = Content.fit(features, config.content_dimension).block(features)

    def recent(settings: Settings) -> sparse.csr_matrix:
        recency = RecencyConfig(share=settings["share"], reach=settings["reach"])
        weights = history_weights(held, recency, config.half_life_days)
        return held.matrix(weights)

    # the recencies of one strength come one after the other: one solution serves all of them
    ease = lru_cache(maxsize=1)(lambda strength: baselines.ease(likes, strength))
    fits: dict[str, tuple[Role, Callable[[int, Settings], Scorer]]] = {
        "popularity": (Role.BASELINE, lambda *_: baselines.popularity(likes)),
        "item_knn": (
            Role.BASELINE,
            lambda _, s: baselines.item_knn(likes, int(s["neighbours"]), s["shrink"]),
        ),
    }
    if held.posts <= baselines.MOST_DENSE_POSTS:
        fits["ease"] = (Role.BASELINE, lambda _, s: ease(s["regularisation"])(likes))
        fits[RECENT_EASE] = (Role.CONTROL, lambda _, s: ease(s["regularisation"])(recent(s)))
    if block.shape[1]:
        fits[CONTENT] = (
            Role.CONTROL,
            lambda _, s: baselines.content_likeness(recent(s), block),
        )
    found = {
        name: Contender(role, fit, GRIDS.get(name, ({},))) for name, (role, fit) in fits.items()
    }
    return _seeded(likes) | found


def _seeded(likes: sparse.csr_matrix) -> dict[str, Contender]:
    """The baselines that draw random numbers."""
    return {
        "random": Contender(
            Role.BASELINE, lambda seed, _: baselines.random_order(likes, seed), seeded=True
        ),
        "bpr": Contender(
            Role.BASELINE,
            lambda seed, s: implicit_models.bpr(
                likes, int(s["factors"]), s["learning_rate"], int(s["epochs"]), seed
            ),
            GRIDS["bpr"],
            seeded=True,
        ),
        "als": Contender(
            Role.BASELINE,
            lambda seed, s: implicit_models.als(
                likes, int(s["factors"]), s["regularisation"], s["alpha"], seed
            ),
            GRIDS["als"],
            seeded=True,
        ),
    }


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
