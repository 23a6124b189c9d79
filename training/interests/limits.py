"""Which of the terms that occur say something."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy import sparse

from training.config import Config
from training.interests.coherence import chance_deviation, coherence


class VocabularyConfig(Config):
    """Which terms are worth a place in the vocabulary."""

    size: Annotated[int, Field(ge=1)] = 5000
    """Most terms; those that most people use are kept."""
    least_posts: Annotated[int, Field(ge=1)] = 3
    """Posts that a word is in, at least."""
    least_tagged: Annotated[int, Field(ge=1)] = 2
    """Posts that a tag is on, at least; somebody chose it, so that it passes all limits below."""
    least_people: Annotated[int, Field(ge=1)] = 2
    """People who use a word, at least: what one person alone says is a signature."""
    most_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    """Of the posts that a word may be in."""
    least_coherence: Annotated[float, Field(ge=0)] = 0.3
    """Below this share of the median coherence a word is a stop word, in whatever language."""
    least_evidence: Annotated[float, Field(ge=0)] = 2.0
    """Standard errors by which its coherence must exceed chance: rare words are lucky often."""
    least_attraction: Annotated[float, Field(ge=-1, le=1)] = 0.4
    """Normalised pointwise mutual information that makes two words a pair."""


def telling(
    names: Sequence[str],
    holds: sparse.csr_matrix,
    tagged: sparse.csr_matrix,
    author: np.ndarray,
    vectors: np.ndarray,
    config: VocabularyConfig,
) -> np.ndarray:
    """Rows of the terms that stay, ascending.

    Args:
        names: V terms; a pair of words has one space.
        holds: (N, V) 1 where a post has a term.
        tagged: (N, V) 1 where a post has it as a tag.
        author: (N,) int.
        vectors: (N, D) unit rows.
        config: limits.
    """
    posts, people = posts_of(holds), people_of(holds, author)
    is_tag = posts_of(tagged) >= config.least_tagged
    kept = (posts >= config.least_posts) & (people >= config.least_people)
    kept &= posts <= config.most_share * len(author)
    kept &= ~_stop_words(holds, people, author, vectors, config)
    kept |= is_tag
    place = {name: row for row, name in enumerate(names)}
    for row, name in enumerate(names):
        parts = [place.get(part, -1) for part in name.split()]
        if len(parts) == 2 and kept[row] and not is_tag[row]:
            kept[row] = all(part >= 0 and kept[part] for part in parts) and (
                _attraction(posts, row, (parts[0], parts[1]), len(author))
                >= config.least_attraction
            )
    rows = np.flatnonzero(kept)
    most_used = np.argsort(-people[rows], kind="stable")[: config.size]
    return np.sort(rows[most_used])


def _stop_words(
    holds: sparse.csr_matrix,
    people: np.ndarray,
    author: np.ndarray,
    vectors: np.ndarray,
    config: VocabularyConfig,
) -> np.ndarray:
    """(V,) bool: terms that are used all over the space, or by so few that it can't be told."""
    about = coherence(holds, author, vectors)
    if not np.isfinite(about).any():
        return np.zeros(len(about), dtype=bool)
    chance = chance_deviation(author, vectors)
    error = chance / np.sqrt(np.maximum(people * (people - 1) / 2, 1))
    least = np.maximum(config.least_coherence * np.nanmedian(about), config.least_evidence * error)
    return about < least


def posts_of(holds: sparse.csr_matrix) -> np.ndarray:
    """(V,) int: how many posts have each term."""
    return np.bincount(holds.indices, minlength=holds.get_shape()[1])


def people_of(holds: sparse.csr_matrix, author: np.ndarray) -> np.ndarray:
    """(V,) int: how many people use each term."""
    row = np.repeat(np.arange(holds.get_shape()[0]), np.diff(holds.indptr))
    uses = np.unique(np.stack([author[row], holds.indices]), axis=1)
    return np.bincount(uses[1], minlength=holds.get_shape()[1])


def _attraction(posts: np.ndarray, pair: int, parts: tuple[int, int], total: int) -> float:
    """Normalised pointwise mutual information of two words, from the posts that they are in."""
    together = posts[pair] / total
    if together >= 1:
        return 1.0
    chance = posts[parts[0]] * posts[parts[1]] / total**2
    return float(np.log(together / chance) / -np.log(together))
