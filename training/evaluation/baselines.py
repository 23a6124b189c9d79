"""Baselines that need no training: a person is the mean of the frozen features of their posts.

To add one, decorate a function that gives `EmbeddedPosts`; it then stands in every table:

    @baselines.register("my_baseline")
    def my_baseline(training: AuthoredPosts, evaluation: AuthoredPosts, people: int): ...

Features of an image and of a text can't be compared with each other, so a baseline leaves the
directions out that would need it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from training.evaluation.embedded import EmbeddedPosts
from training.evaluation.retrieval import evaluate_retrieval
from training.modalities import PostFeatures
from training.registry import Registry


@dataclass(frozen=True)
class AuthoredPosts:
    """Frozen features of N posts and who wrote them.

    Attributes:
        features: of the N posts.
        author: (N,) int in [-1, people), as in `EmbeddedPosts`; -1 is nobody's.
        text_group: (N,) int, as in `EmbeddedPosts`.
    """

    features: PostFeatures
    author: np.ndarray
    text_group: np.ndarray


Baseline = Callable[[AuthoredPosts, AuthoredPosts, int], EmbeddedPosts]
baselines: Registry[Baseline] = Registry("baseline")


def evaluate_baselines(
    training: AuthoredPosts,
    evaluation: AuthoredPosts,
    people: int,
    names: Sequence[str] = ("unimodal_image", "unimodal_text"),
) -> dict[str, dict[str, dict[str, float]]]:
    """Baseline → direction → metric → value. Raises: BadConfig if a name is unknown."""
    return {
        name: evaluate_retrieval(baselines[name](training, evaluation, people)) for name in names
    }


@baselines.register("unimodal_image")
def unimodal_image(
    training: AuthoredPosts, evaluation: AuthoredPosts, people: int
) -> EmbeddedPosts:
    """Person = unit mean of the unit image features of their training posts.

    A whole post (user_to_post, post_to_user) is its image; posts without one come last.

    Args:
        training: posts that make the people.
        evaluation: posts to retrieve.
        people: how many people there are; those without a training image come last.
    """
    train, test = _images(training), _images(evaluation)
    users, has_user = mean_by_author(*train, training.author, people)
    return _embedded(evaluation, users, has_user, images=test[0], posts=test[0], has_post=test[1])


@baselines.register("unimodal_text")
def unimodal_text(training: AuthoredPosts, evaluation: AuthoredPosts, people: int) -> EmbeddedPosts:
    """The same with texts in place of images."""
    train, test = _texts(training), _texts(evaluation)
    users, has_user = mean_by_author(*train, training.author, people)
    return _embedded(evaluation, users, has_user, texts=test[0], posts=test[0], has_post=test[1])


@baselines.register("concatenation")
def concatenation(training: AuthoredPosts, evaluation: AuthoredPosts, people: int) -> EmbeddedPosts:
    """Image and text features side by side, each of unit length; for whole posts only.

    A post without one modality has its other block alone, at full length, so that its score is the
    cosine in what it has. Against images or texts alone this is the unimodal baseline again.
    """
    train = [_images(training), _texts(training)]
    people_blocks = [mean_by_author(*each, training.author, people) for each in train]
    users, has_user = _side_by_side(people_blocks)
    posts, has_post = _side_by_side([_images(evaluation), _texts(evaluation)])
    return _embedded(evaluation, users, has_user, posts=posts, has_post=has_post)


def mean_by_author(
    vectors: np.ndarray, present: np.ndarray, author: np.ndarray, people: int
) -> tuple[np.ndarray, np.ndarray]:
    """Unit mean of the unit vectors of each person, and who has one.

    Args:
        vectors: (N, F) unit rows.
        present: (N,) bool: rows to use.
        author: (N,) int in [-1, people).
        people: how many there are.
    Returns: (people, F) float32, zero where a person has no row; (people,) bool.
    """
    used = present & (author >= 0)
    sums = np.zeros((people, vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, author[used], vectors[used])
    has_any = np.bincount(author[used], minlength=people) > 0
    return unit_rows(sums), has_any


def unit_rows(values: np.ndarray) -> np.ndarray:
    """(N, F) float32 with rows of length 1; a zero row stays zero."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0).astype(
        np.float32
    )


Block = tuple[np.ndarray, np.ndarray]  # (n, F) unit rows and (n,) bool: which of them are there


def _images(posts: AuthoredPosts) -> Block:
    return _block(posts.features.image, posts.features.has_image)


def _texts(posts: AuthoredPosts) -> Block:
    return _block(posts.features.text, posts.features.has_text)


def _block(features: Tensor, has: Tensor) -> Block:
    """Absent rows are zeroed, whatever stood in them, and masked by the second value."""
    present = has.cpu().numpy().astype(bool)
    values = np.where(present[:, None], features.float().cpu().numpy(), 0.0)
    return unit_rows(values), present


def _side_by_side(blocks: Sequence[Block]) -> Block:
    parts = [np.where(present[:, None], vectors, 0.0) for vectors, present in blocks]
    return unit_rows(np.hstack(parts)), np.any([present for _, present in blocks], axis=0)


def _embedded(
    evaluation: AuthoredPosts,
    users: np.ndarray,
    has_user: np.ndarray,
    *,
    posts: np.ndarray,
    has_post: np.ndarray,
    images: np.ndarray | None = None,
    texts: np.ndarray | None = None,
) -> EmbeddedPosts:
    return EmbeddedPosts(
        users=users,
        images=images,
        has_image=evaluation.features.has_image.cpu().numpy().astype(bool),
        texts=texts,
        has_text=evaluation.features.has_text.cpu().numpy().astype(bool),
        posts=posts,
        author=evaluation.author,
        text_group=evaluation.text_group,
        has_user=has_user,
        has_post=has_post,
    )
