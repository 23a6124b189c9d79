"""VBPR of the package Cornac: matrix factorisation that also reads a post's content."""

import sys
from contextlib import redirect_stdout
from importlib.util import find_spec

import numpy as np

from recsys.evaluation.baselines import content_block
from recsys.evaluation.contender import ByScore, Contender, Fitted
from recsys.evaluation.split import Training
from training.reactions.contenders import Role

FACTORS, EPOCHS, BATCH, RATE, PENALTY = 32, 30, 1024, 0.005, 0.001


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
    from cornac.data import Dataset, ImageModality  # pyright: ignore[reportMissingImports]
    from cornac.models import VBPR  # pyright: ignore[reportMissingImports]

    likes = training.held.likes()
    modalities = [m for m in ("text", "image") if getattr(training.features, m).shape[1]]
    block = content_block(training, tuple(modalities), whitened=True)
    people = {str(row): row for row in range(likes.people)}
    posts = {str(row): row for row in range(likes.posts)}
    rows = [(str(u), str(i), 1.0) for u, i in zip(likes.person, likes.post, strict=True)]
    dataset = Dataset.build(rows, global_uid_map=people, global_iid_map=posts, seed=seed)
    content = ImageModality(features=block.astype(np.float32), ids=list(posts), normalized=True)
    content.build(id_map=posts)
    dataset.add_modalities(item_image=content)
    settings = {"factors": FACTORS, "epochs": EPOCHS, "learning_rate": RATE, "penalty": PENALTY}
    model = VBPR(
        k=FACTORS,
        k2=FACTORS,
        n_epochs=EPOCHS,
        batch_size=BATCH,
        learning_rate=RATE,
        lambda_w=PENALTY,
        lambda_b=PENALTY,
        verbose=False,
        seed=seed,
    )
    with redirect_stdout(sys.stderr):  # it says when it is done
        model.fit(dataset)

    def scorer(chosen: np.ndarray) -> np.ndarray:
        taste = model.gamma_user[chosen] @ model.gamma_item.T
        look = model.theta_user[chosen] @ model.theta_item.T
        return taste + look + model.beta_item + model.visual_bias

    return ByScore(scorer, settings, seed)
