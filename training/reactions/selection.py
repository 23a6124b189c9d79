"""A small search on validation: the settings that differ most from data set to data set."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig, RecencyConfig
from training.reactions.events import Events
from training.reactions.fit import eigenpairs, fit_space
from training.reactions.holdout import Holdout, last_of_each
from training.reactions.opinions import Opinions
from training.reactions.ranking import COLD, LIKES, Task
from training.reactions.space import ReactionSpace
from training.reactions.spectrum import Spectrum

REGULARISATIONS = (30.0, 100.0, 250.0, 1000.0)
RECENCIES = tuple(
    RecencyConfig(share=share, reach=reach)
    for share, reach in ((0.0, 10), (0.7, 30), (0.7, 10), (0.9, 10), (0.95, 5), (0.98, 3))
)
"""From none to almost nothing but the last few; the controls choose among the same."""
CONTENT_WEIGHTS = (0.02, 0.04, 0.08, 0.16, 0.3)
COLD_LIFTS = (0.0, 0.03, 0.06, 0.1, 0.15)
FINE_TUNINGS: tuple[dict[str, float], ...] = (
    {"epochs": 0},
    {"epochs": 3, "learning_rate": 1e-4},
    {"epochs": 3, "learning_rate": 3e-4},
)
SEARCHED = (
    *("regularisation", "recency", "content_weight", "cold_lift"),
    *("epochs", "learning_rate"),
)
MOST_PEOPLE = 2000
FEWEST_PEOPLE = 20
"""With fewer people validation is a lottery, and the configuration stays as it is."""


def select(
    events: Events, features: PostFeatures, config: ReactionConfig, seed: int = 0
) -> tuple[ReactionConfig, dict[str, float]]:
    """Choose one setting after the other by nDCG@10 of the latest likes in `events`.

    All but fine-tuning are chosen on the closed form: seconds, where a search with fine-tuning
    takes minutes. The lift of posts without a reaction is the one that serves them best at no more
    than `cold_price`.

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
    search = _Search(parts, task, features, eigenpairs(parts.held.likes(), config, seed), seed)
    found = config.model_copy(update={"epochs": 0})
    found = search.best(found, [{"regularisation": each} for each in REGULARISATIONS])
    found = search.best(found, [{"recency": each} for each in RECENCIES])
    found = search.best(found, [{"content_weight": each} for each in CONTENT_WEIGHTS])
    found = search.best(found, [{"cold_lift": each} for each in COLD_LIFTS], cold=True)
    if config.epochs:
        own = {"epochs": config.epochs, "learning_rate": config.learning_rate}
        found = search.best(found.model_copy(update=own), FINE_TUNINGS)
    return found, search.tried


def affordable(warm: Sequence[np.ndarray], cold: Sequence[np.ndarray], price: float) -> int:
    """The trial that serves cold posts best among those that cost little of the best figure.

    Args:
        warm: of each trial, the figure of each person.
        cold: of each trial, the figure of each person with a cold positive; may be empty arrays.
        price: share of the best mean that may be given up.
    """
    means = np.array([np.mean(each) for each in warm])
    best = int(means.argmax())
    if not len(cold[best]):
        return best
    within = np.flatnonzero(means >= (1 - price) * means[best])
    return int(max(within, key=lambda trial: float(np.mean(cold[int(trial)]))))


class _Search:
    """Trials on one validation task; `tried` keeps each with its figure."""

    def __init__(
        self, parts: Holdout, task: Task, features: PostFeatures, pairs: Spectrum, seed: int
    ) -> None:
        self._parts, self._task, self._features = parts, task, features
        self._pairs, self._seed = pairs, seed
        self.tried: dict[str, float] = {}

    def best(
        self, config: ReactionConfig, changes: Sequence[Mapping[str, Any]], *, cold: bool = False
    ) -> ReactionConfig:
        """The configuration with the best of the changes, or none of them.

        With `cold`, the one that serves cold posts best at an affordable price.
        """
        trials = [config]
        for change in changes:
            trial = config.model_copy(update=dict(change))
            if trial not in trials:
                trials.append(trial)
        fields = sorted({field for change in changes for field in change})
        measured = [self._measure(trial) for trial in trials]
        warm, rare = ([m[part]["ndcg@10"] for m in measured] for part in (LIKES, COLD))
        for trial, values in zip(trials, warm, strict=True):
            self.tried[_label(trial, fields)] = float(np.mean(values))
        return trials[affordable(warm, rare, config.cold_price if cold else 0.0)]

    def _measure(self, trial: ReactionConfig) -> dict[str, dict[str, np.ndarray]]:
        held, posts = self._parts.held, self._parts.train.posts
        space = fit_space(held, posts, self._features, trial, self._seed, pairs=self._pairs)
        return self._task.measure(partial(_scores, space, held), (LIKES, COLD))


def _scores(space: ReactionSpace, held: Opinions, people: np.ndarray) -> np.ndarray:
    return space.scores(held.of(people))


def _label(config: ReactionConfig, fields: Sequence[str]) -> str:
    return " ".join(f"{field}={shown(getattr(config, field))}" for field in fields)


def shown(value: Any) -> str:
    """A setting as text."""
    if isinstance(value, RecencyConfig):
        return f"{value.share:g}/{value.reach:g}"
    return f"{value:g}"
