"""VBPR of the package Cornac: matrix factorisation that also reads a post's content."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from recsys.evaluation.baselines import content_block
from recsys.evaluation.contender import ByScore, Contender, Fitted
from recsys.evaluation.split import Training
from training.reactions.contenders import Contender as Rival
from training.reactions.contenders import Role, Settings, tune
from training.reactions.holdout import last_of_each
from training.reactions.opinions import Opinions
from training.reactions.ranking import Scorer, Task

FACTORS, BATCH, RATE = 32, 1024, 0.005
GRID: tuple[Settings, ...] = (
    {"epochs": 10, "penalty": 0.001},
    {"epochs": 20, "penalty": 0.001},
    {"epochs": 20, "penalty": 0.01},
)


def vbpr(seed: int = 0) -> Contender:
    """Visual Bayesian personalised ranking on all content that there is, text as well as image.

    Source: He and McAuley, VBPR (AAAI 2016); the code is Cornac's (Salah et al., JMLR 2020).
    """
    return Contender("vbpr", Role.BASELINE, lambda training: _fit(training, seed), _absent)


def _absent(training: Training) -> str | None:
    if find_spec("cornac") is None:
        return "the package cornac isn't installed (it comes with commonspace[evaluation])"
    features = training.features
    return None if features.text.shape[1] + features.image.shape[1] else "the posts have no content"


def _fit(training: Training, seed: int) -> Fitted:
    config = training.config
    modalities = tuple(m for m in ("text", "image") if getattr(training.features, m).shape[1])
    block = content_block(training, modalities, whitened=True)
    settings: dict[str, Any] = dict(GRID[0])
    inner = last_of_each(training.events, config, config.validation_share)
    task = Task.of(inner)
    if len(task.people):
        likes = inner.held.likes()
        trial = Rival(Role.BASELINE, lambda _, each: _scorer(likes, block, each, seed), GRID)
        settings = dict(tune(trial, task, seed)[0])
    return ByScore(_scorer(training.held.likes(), block, settings, seed), settings, seed)


def _scorer(likes: Opinions, block: np.ndarray, settings: Settings, seed: int) -> Scorer:
    from cornac.data import Dataset, ImageModality  # pyright: ignore[reportMissingImports]
    from cornac.models import VBPR  # pyright: ignore[reportMissingImports]

    people = {str(row): row for row in range(likes.people)}
    posts = {str(row): row for row in range(likes.posts)}
    rows = [(str(u), str(i), 1.0) for u, i in zip(likes.person, likes.post, strict=True)]
    dataset = Dataset.build(rows, global_uid_map=people, global_iid_map=posts, seed=seed)
    content = ImageModality(features=block.astype(np.float32), ids=list(posts), normalized=True)
    content.build(id_map=posts)
    dataset.add_modalities(item_image=content)
    model = VBPR(
        k=FACTORS,
        k2=FACTORS,
        n_epochs=int(settings["epochs"]),
        batch_size=BATCH,
        learning_rate=RATE,
        lambda_w=settings["penalty"],
        lambda_b=settings["penalty"],
        verbose=False,
        seed=seed,
    )
    with redirect_stdout(sys.stderr), _one_thread():  # it says when it is done
        model.fit(dataset)

    def scorer(chosen: np.ndarray) -> np.ndarray:
        taste = model.gamma_user[chosen] @ model.gamma_item.T
        look = model.theta_user[chosen] @ model.theta_item.T
        return taste + look + model.beta_item + model.visual_bias

    return scorer


@contextmanager
def _one_thread() -> Iterator[None]:
    """Its steps are so small that more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
