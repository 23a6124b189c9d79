"""The usual baselines, tuned on a validation part of the training part."""

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from recsys.evaluation.contender import ByScore, Contender, Fitted
from recsys.evaluation.split import Training
from training.modalities import PostFeatures
from training.reactions import baselines
from training.reactions.config import RecencyConfig
from training.reactions.contenders import CONTENT, GRIDS, RECENT_EASE, Role, rivals_of, tune
from training.reactions.contenders import Contender as Rival
from training.reactions.content import Content
from training.reactions.decay import history_weights
from training.reactions.holdout import Holdout, last_of_each
from training.reactions.layout import unit
from training.reactions.opinions import Opinions
from training.reactions.ranking import Scorer, Task

COLLABORATIVE = ("random", "popularity", "item_knn", "bpr", "als", "ease")
UNIMODAL = {"text": ("text",), "image": ("image",)}
MULTIMODAL = {"text_and_image": ("text", "image")}
WHITENED = "whitened_"
"""Before a content baseline's name: its features are whitened on the posts that were there."""


def standard(seed: int = 0) -> list[Contender]:
    """Random, popularity, the latest posts, item-kNN, BPR, ALS, EASE, and likeness in content.

    EASE with recency is a control: what is in the order of likes alone.
    """
    found = [
        Contender(name, Role.BASELINE, _rival(name, seed), _cannot(name)) for name in COLLABORATIVE
    ]
    found.insert(2, Contender("fresh", Role.BASELINE, _fresh, _undated))
    found.append(Contender(RECENT_EASE, Role.CONTROL, _rival(RECENT_EASE, seed), _cannot("ease")))
    for prefix, whitened in (("", False), (WHITENED, True)):
        for name, modalities in (UNIMODAL | MULTIMODAL).items():
            fit = _content(modalities, whitened, seed)
            lacking = _not_encoded(modalities)
            found.append(Contender(prefix + name, Role.BASELINE, fit, lacking))
    return found


def _rival(name: str, seed: int) -> Callable[[Training], Fitted]:
    def fit(training: Training) -> Fitted:
        inner, outer, task = _rivals(training)
        settings: dict[str, Any] = dict(outer[name].grid[0])
        if len(outer[name].grid) > 1 and len(task.people):
            settings = dict(tune(inner[name], task, seed)[0])
        return ByScore(outer[name].fit(seed, settings), settings, seed)

    return fit


@lru_cache(maxsize=1)
def _rivals(training: Training) -> tuple[dict[str, Rival], dict[str, Rival], Task]:
    """The same models on the training part without its latest likes, and on all of it."""
    config = training.config
    inner = last_of_each(training.events, config, config.validation_share)
    empty = training.held[np.zeros(len(training.held), dtype=bool)]
    outer = Holdout(training.events, training.held, empty)
    nothing = _only(training.features, ())
    found = [rivals_of(each, nothing, config) for each in (inner, outer)]
    return found[0], found[1], Task.of(inner)


def _cannot(name: str) -> Callable[[Training], str | None]:
    def skip(training: Training) -> str | None:
        if name == "ease" and len(training.posts) > baselines.MOST_DENSE_POSTS:
            return f"its dense matrix of more than {baselines.MOST_DENSE_POSTS} posts doesn't fit"
        if name in ("bpr", "als") and find_spec("implicit") is None:
            return "the package implicit isn't installed (it comes with commonspace[evaluation])"
        return None

    return skip


def _fresh(training: Training) -> Fitted:
    """The latest first, the same for everyone."""
    oldest = -1e9
    born = np.array(
        [post.created_at.timestamp() if post.created_at else oldest for post in training.posts]
    )
    return ByScore(lambda people: np.tile(born, (len(people), 1)))


def _undated(training: Training) -> str | None:
    dated = any(post.created_at for post in training.posts)
    return None if dated else "the posts have no dates"


def _content(
    modalities: tuple[str, ...], whitened: bool, seed: int
) -> Callable[[Training], Fitted]:
    """Likeness of a post's features to those of the person's history; reads no one else's.

    How far the history fades is chosen on validation.
    """

    def fit(training: Training) -> Fitted:
        config = training.config
        block = content_block(training, modalities, whitened=whitened)

        def scorer(held: Opinions, settings: dict[str, float]) -> Scorer:
            recency = RecencyConfig(share=settings["share"], reach=settings["reach"])
            likes = held.likes()
            weights = likes.matrix(history_weights(likes, recency, config.half_life_days))
            return baselines.content_likeness(weights, block)

        # posts without dates have an order, but it says nothing
        grid = GRIDS[CONTENT][: 1 if training.own else None]
        settings: dict[str, Any] = dict(grid[0])
        inner = last_of_each(training.events, config, config.validation_share)
        task = Task.of(inner)
        if len(grid) > 1 and len(task.people):
            trial = Rival(Role.BASELINE, lambda _, each: scorer(inner.held, dict(each)), grid)
            settings = dict(tune(trial, task, seed)[0])
        return ByScore(scorer(training.held, settings), settings, seed)

    return fit


def content_block(training: Training, modalities: tuple[str, ...], *, whitened: bool) -> np.ndarray:
    """(N, C) unit rows of the features side by side, as they are or whitened on known posts."""
    if not whitened:
        plain = [_plain(training.features, modality) for modality in modalities]
        return unit(np.concatenate(plain, axis=1)).astype(np.float32)
    known = _only(training.known_features, modalities)
    whitening = Content.fit(known, training.config.content_dimension)
    return whitening.block(_only(training.features, modalities))


def _plain(features: PostFeatures, modality: str) -> np.ndarray:
    values = getattr(features, modality).float().numpy()
    there = getattr(features, f"has_{modality}").numpy()
    return unit(np.where(there[:, None], values, 0.0))


def _only(features: PostFeatures, modalities: tuple[str, ...]) -> PostFeatures:
    """The features with a width of 0 for all other modalities."""
    empty = torch.zeros(len(features), 0)
    return PostFeatures(
        features.image if "image" in modalities else empty,
        features.has_image,
        features.text if "text" in modalities else empty,
        features.has_text,
    )


def _not_encoded(modalities: tuple[str, ...]) -> Callable[[Training], str | None]:
    def skip(training: Training) -> str | None:
        lacking = [name for name in modalities if not getattr(training.features, name).shape[1]]
        return f"the posts have no {' and no '.join(lacking)}" if lacking else None

    return skip
