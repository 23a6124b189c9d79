"""A small search on validation: the two settings that depend most on the data."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.fit import eigenpairs, fit_space
from training.reactions.holdout import last_of_each
from training.reactions.opinions import Opinions
from training.reactions.ranking import LIKES, Task
from training.reactions.space import ReactionSpace

REGULARISATIONS = (30.0, 250.0, 1000.0)
CONTENT_WEIGHTS = (0.02, 0.08, 0.3)
MOST_PEOPLE = 2000
FEWEST_PEOPLE = 20
"""With fewer people validation is a lottery, and the configuration stays as it is."""


def select(
    events: Events, features: PostFeatures, config: ReactionConfig, seed: int = 0
) -> tuple[ReactionConfig, dict[str, float]]:
    """Choose regularisation, then content weight, by nDCG@10 of the latest likes in `events`.

    Both are chosen on the closed form, from which fine-tuning moves little: seconds, where a search
    with fine-tuning takes minutes.

    Args:
        events: reactions that may be learned from.
        features: of all posts.
        config: what is searched around; its own values are among the tried ones.
        seed: of the eigenpairs and, where there are many people, of who is asked.
    Returns: the configuration, and what was tried with its figure.
    """
    parts = last_of_each(events, config, config.validation_share)
    task = Task.of(parts)
    if len(task.people) < FEWEST_PEOPLE:
        return config, {}
    if len(task.people) > MOST_PEOPLE:
        drawn = np.random.default_rng(seed).choice(task.people, MOST_PEOPLE, replace=False)
        task = task.only(np.sort(drawn))
    pairs = eigenpairs(parts.held.likes(), config, seed)
    tried: dict[str, float] = {}

    def best(field: str, values: Sequence[float], config: ReactionConfig) -> ReactionConfig:
        figures = {}
        for value in sorted({*values, getattr(config, field)}):
            trial = config.model_copy(update={field: value, "epochs": 0})
            space = fit_space(parts.held, events.posts, features, trial, seed, pairs=pairs)
            measured = task.measure(partial(_scores, space, parts.held), (LIKES,))
            figures[value] = float(np.mean(measured[LIKES]["ndcg@10"]))
            tried[f"{field}={value:g}"] = figures[value]
        return config.model_copy(update={field: max(figures, key=lambda v: figures[v])})

    config = best("regularisation", REGULARISATIONS, config)
    return best("content_weight", CONTENT_WEIGHTS, config), tried


def _scores(space: ReactionSpace, held: Opinions, people: np.ndarray) -> np.ndarray:
    return space.scores(held.of(people))
