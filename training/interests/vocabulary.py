"""The words of a network: tags, words and pairs of words that say something, found in its posts."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from training.interests.limits import VocabularyConfig, people_of, posts_of, telling
from training.interests.variants import merge_variants
from training.interests.words import normal, terms

Encode = Callable[[Sequence[str]], np.ndarray]
"""Texts to (n, D) unit rows."""


@dataclass(frozen=True)
class Vocabulary:
    """V terms, and which of the N posts they were found in hold them.

    Attributes:
        terms: normalised; of several variants the most used.
        variants: of each term, its other forms, the most used first.
        vectors: (V, D) unit rows, each term as a text of its own.
        holds: (N, V) 1 where text or tags of a post have the term.
        tagged: (N, V) 1 where the tags of a post have it.
        people: (V,) int, how many people use the term.
    """

    terms: tuple[str, ...]
    variants: tuple[tuple[str, ...], ...]
    vectors: np.ndarray
    holds: sparse.csr_matrix
    tagged: sparse.csr_matrix
    people: np.ndarray

    def __len__(self) -> int:
        return len(self.terms)

    @cached_property
    def is_tag(self) -> np.ndarray:
        """(V,) bool: whether some post has the term as a tag."""
        return posts_of(self.tagged) > 0

    @cached_property
    def row(self) -> dict[str, int]:
        """Every term and variant to its row."""
        rows = {form: row for row, forms in enumerate(self.variants) for form in forms}
        return rows | {term: row for row, term in enumerate(self.terms)}

    def rows_of_tags(self, tags: Iterable[str]) -> list[int]:
        """Rows of the tags that are in the vocabulary, each once."""
        return list(dict.fromkeys(self.row[t] for t in map(normal, tags) if t in self.row))

    def posts(self, row: int) -> np.ndarray:
        """The posts that hold a term, ascending."""
        columns = self._columns
        return columns.indices[columns.indptr[row] : columns.indptr[row + 1]]

    @cached_property
    def _columns(self) -> sparse.csc_matrix:
        columns = sparse.csc_matrix(self.holds)
        columns.sort_indices()
        return columns


def build_vocabulary(
    texts: Sequence[str | None],
    tags: Sequence[Sequence[str] | None],
    author: np.ndarray,
    vectors: np.ndarray,
    encode: Encode,
    config: VocabularyConfig = VocabularyConfig(),
) -> Vocabulary:
    """Find the terms of N posts.

    Args:
        texts: of the posts.
        tags: of the posts.
        author: (N,) int.
        vectors: (N, D) unit rows, where the posts are: a word that is used all over is no subject.
        encode: of the space, for the terms themselves.
        config: limits.
    """
    said = [terms(text) if text else set() for text in texts]
    chosen = [{term for term in map(normal, each or ()) if term} for each in tags]
    names = sorted(_frequent(said, config.least_posts) | _frequent(chosen, config.least_tagged))
    holds = _incidence([a | b for a, b in zip(said, chosen, strict=True)], names)
    tagged = _incidence(chosen, names)
    kept = telling(names, holds, tagged, author, vectors, config)
    names, holds, tagged = [names[row] for row in kept], holds[:, kept], tagged[:, kept]
    spoken = encode(names) if names else np.zeros((0, vectors.shape[1]), np.float32)
    used = posts_of(holds)
    stands = merge_variants(names, spoken, used.tolist())
    heads, group = np.unique(stands, return_inverse=True)
    fold = sparse.csr_matrix(
        (np.ones(len(names), np.float32), (np.arange(len(names)), group)), (len(names), len(heads))
    )
    holds, tagged = _ones(holds @ fold), _ones(tagged @ fold)
    return Vocabulary(
        terms=tuple(names[row] for row in heads),
        variants=_variants(names, used, stands, heads),
        vectors=spoken[heads],
        holds=holds,
        tagged=tagged,
        people=people_of(holds, author),
    )


def _frequent(each: Sequence[set[str]], least: int) -> set[str]:
    counts = Counter(term for some in each for term in some)
    return {term for term, count in counts.items() if count >= least}


def _incidence(each: Sequence[set[str]], names: Sequence[str]) -> sparse.csr_matrix:
    """(N, V) float32 ones."""
    place = {name: row for row, name in enumerate(names)}
    found = [sorted(place[term] for term in some if term in place) for some in each]
    starts = np.cumsum([0, *map(len, found)])
    columns = np.array([column for some in found for column in some], dtype=np.int64)
    shape = (len(each), len(names))
    return sparse.csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape)


def _variants(
    names: Sequence[str], used: np.ndarray, stands: np.ndarray, heads: np.ndarray
) -> tuple[tuple[str, ...], ...]:
    forms: dict[int, list[str]] = {int(head): [] for head in heads}
    for row in np.argsort(-used, kind="stable"):
        if stands[row] != row:
            forms[int(stands[row])].append(names[int(row)])
    return tuple(map(tuple, forms.values()))


def _ones(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    matrix.data[:] = 1
    return matrix
