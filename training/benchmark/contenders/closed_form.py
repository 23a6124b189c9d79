"""Baselines without training: frozen features, and canonical correlations between them."""

import itertools

import numpy as np
import torch

from training.benchmark.trial import Outcome, Task, contenders
from training.evaluation.baselines import (
    AuthoredPosts,
    Baseline,
    baselines,
    mean_by_author,
    unit_rows,
)
from training.evaluation.embedded import EmbeddedPosts
from training.evaluation.retrieval import evaluate_retrieval, retrieval_per_query
from training.evaluation.selection import selection_score
from training.examples import Examples
from training.modalities import PostFeatures
from training.model.whitening import Whitening, WhiteningConfig

RIDGES = (0.1, 1.0, 10.0)
"""Added to the variance of whitened components, which is about 1; chosen on validation."""
WIDTHS = (32, 64, 128, 256)
"""Canonical directions kept; chosen on validation."""


@contenders.register("unimodal_image")
def unimodal_image(task: Task) -> Outcome:
    """A person is the mean of their image features."""
    return _frozen("unimodal_image", task)


@contenders.register("unimodal_text")
def unimodal_text(task: Task) -> Outcome:
    """A person is the mean of their text features."""
    return _frozen("unimodal_text", task)


@contenders.register("concatenation")
def concatenation(task: Task) -> Outcome:
    """Image and text features side by side."""
    return _frozen("concatenation", task)


@contenders.register("cca")
def cca(task: Task) -> Outcome:
    """Regularised canonical correlation analysis of whitened image and text features.

    Canonical directions are scaled by their correlation; a person is the mean of their posts.
    Source: Gong et al., A multi-view embedding space for modeling internet images, tags, and their
    semantics (arXiv 1212.4522), eq. 4 for the scaling.
    """
    examples = task.examples
    white = _whitened(examples)
    training = white[examples.rows("train")]
    both = training[training.has_image & training.has_text]
    if len(both) < 2:
        return Outcome({})
    maps = [_canonical(both, ridge, width) for ridge, width in itertools.product(RIDGES, WIDTHS)]
    scores = [
        selection_score(evaluate_retrieval(_mapped(examples, white, each, "validation")))
        for each in maps
    ]
    best = int(np.argmax(scores))
    embedded = _mapped(examples, white, maps[best], "test")
    return Outcome({"cca": retrieval_per_query(embedded)}, {"validation": scores[best]})


def authored_posts(examples: Examples, split: str) -> AuthoredPosts:
    """The posts of a split as baselines take them."""
    rows = examples.rows(split)
    author, text = examples.keys.author[rows].numpy(), examples.keys.text[rows].numpy()
    return AuthoredPosts(examples.features[rows], author, text)


def _frozen(name: str, task: Task) -> Outcome:
    baseline: Baseline = baselines[name]
    training, test = (authored_posts(task.examples, split) for split in ("train", "test"))
    embedded = baseline(training, test, len(task.examples.users))
    return Outcome({name: retrieval_per_query(embedded)})


def _whitened(examples: Examples) -> PostFeatures:
    """All posts whitened by the training posts, as the trained contenders see them."""
    features = examples.features.blanked()
    training = features[examples.rows("train")]
    parts = {}
    for modality in ("image", "text"):
        whiten = Whitening(getattr(features, modality).shape[1], WhiteningConfig())
        whiten.fit(getattr(training, modality)[getattr(training, f"has_{modality}")])
        parts[modality] = whiten(getattr(features, modality))
    return PostFeatures(parts["image"], features.has_image, parts["text"], features.has_text)


def _canonical(posts: PostFeatures, ridge: float, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps (K_image, d) and (K_text, d) of posts that have both."""
    image, text = posts.image.double(), posts.text.double()
    half_image = _inverse_root(image.T @ image / len(image), ridge)
    half_text = _inverse_root(text.T @ text / len(text), ridge)
    left, correlation, right = torch.linalg.svd(
        half_image @ (image.T @ text / len(image)) @ half_text, full_matrices=False
    )
    scale = correlation[:width]
    to_image, to_text = half_image @ left[:, :width], half_text @ right.T[:, :width]
    return (to_image * scale).float(), (to_text * scale).float()


def _inverse_root(covariance: torch.Tensor, ridge: float) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * (values.clamp(min=0) + ridge).rsqrt()) @ vectors.T


def _mapped(
    examples: Examples, white: PostFeatures, maps: tuple[torch.Tensor, torch.Tensor], split: str
) -> EmbeddedPosts:
    images, texts = (
        unit_rows((getattr(white, modality) @ each).numpy())
        for modality, each in zip(("image", "text"), maps, strict=True)
    )
    has_image, has_text = white.has_image.numpy(), white.has_text.numpy()
    posts = unit_rows(images * has_image[:, None] + texts * has_text[:, None])
    training, rows = examples.rows("train").numpy(), examples.rows(split).numpy()
    author = examples.keys.author.numpy()
    users, has_user = mean_by_author(
        posts[training],
        (has_image | has_text)[training],
        author[training],
        len(examples.users),
    )
    return EmbeddedPosts(
        users=users,
        images=images[rows],
        has_image=has_image[rows],
        texts=texts[rows],
        has_text=has_text[rows],
        posts=posts[rows],
        author=author[rows],
        text_group=examples.keys.text.numpy()[rows],
        has_user=has_user,
    )
