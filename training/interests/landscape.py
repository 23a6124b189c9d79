"""The posts of a space with their words: what lies around any place of it."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from scipy import sparse

from training.embedding import embed_people, embed_posts
from training.errors import BadData
from training.interests.encoding import encode_terms
from training.interests.limits import VocabularyConfig
from training.interests.neighbourhood import Neighbourhood, neighbourhoods
from training.interests.vocabulary import Vocabulary, build_vocabulary
from training.materials import Materials
from training.modalities import Modality
from training.space import Space

MOST_POSTS = 200_000
"""A seeded sample of so many posts says what is where; more would only take time and memory."""
MOST_PEOPLE = 2_000
"""So many people, drawn by seed, say what is usual."""


@dataclass(frozen=True)
class Landscape:
    """N posts that everyone may see, all from training, and the words that they hold.

    Attributes:
        space: that they are embedded in.
        rows: (N,) int64, ascending, their rows in the clean data.
        posts: (N, D) unit rows.
        author: (N,) int, rows of the examples' people.
        vocabulary: found in these posts.
        people: (U, D) unit rows of everyone.
        present: (U,) bool, who has a place.
    """

    space: Space
    rows: np.ndarray
    posts: np.ndarray
    author: np.ndarray
    vocabulary: Vocabulary
    people: np.ndarray
    present: np.ndarray

    @cached_property
    def subjects(self) -> np.ndarray:
        """(N, W) unit rows: what the posts are about."""
        return self.space.subjects(self.posts, Modality.POST)

    def interests_of(self, people: np.ndarray) -> np.ndarray:
        """(Q, W) unit rows: what Q people, rows of `people`, are about; beside `subjects`."""
        return self.space.subjects(self.people[people], Modality.USER)

    def around(
        self, vectors: np.ndarray, kind: Modality | str, *, without: np.ndarray | None = None
    ) -> Neighbourhood:
        """The posts around Q embeddings.

        Args:
            vectors: (Q, D) unit rows.
            kind: of modality that they are.
            without: (Q,) rows of the clean data that are left out, -1 for none.
        """
        queries = self.space.as_query(vectors, kind, Modality.POST)
        left_out = None if without is None else self._places(without)
        return neighbourhoods(queries, self.posts, without=left_out)

    def shares(self, near: Neighbourhood) -> np.ndarray:
        """(Q, V) float32 in [0, 1]: what part of each neighbourhood holds each term."""
        return sparse.csr_matrix(near.matrix() @ self.vocabulary.holds).toarray()

    def tag_shares(self, near: Neighbourhood) -> np.ndarray:
        """The same of terms that are tags of the posts."""
        return sparse.csr_matrix(near.matrix() @ self.vocabulary.tagged).toarray()

    @cached_property
    def reference(self) -> np.ndarray:
        """(R, V) the shares around people in general, in their order; R at most MOST_PEOPLE."""
        some = np.flatnonzero(self.present)
        if len(some) > MOST_PEOPLE:
            some = np.random.default_rng(0).choice(some, MOST_PEOPLE, replace=False)
        if not len(some):
            return np.zeros((0, len(self.vocabulary)), np.float32)
        return self.shares(self.around(self.people[some], Modality.USER))

    @cached_property
    def usual(self) -> np.ndarray:
        """(V,) the mean share around people."""
        shares = self.reference
        return shares.mean(axis=0) if len(shares) else np.zeros(shares.shape[1], np.float32)

    def with_tags(self) -> "Landscape":
        """The posts that have tags alone: the others can't say which tags are usual."""
        has = np.diff(self.vocabulary.tagged.indptr) > 0
        vocabulary = replace(
            self.vocabulary, holds=self.vocabulary.holds[has], tagged=self.vocabulary.tagged[has]
        )
        return replace(
            self,
            rows=self.rows[has],
            posts=self.posts[has],
            author=self.author[has],
            vocabulary=vocabulary,
        )

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the clean data as rows of this landscape; -1 for those that are not in it."""
        place = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[place] == rows, place, -1)


def survey(
    space: Space,
    materials: Materials,
    cache: Path | None = None,
    *,
    config: VocabularyConfig = VocabularyConfig(),
    most_posts: int = MOST_POSTS,
) -> Landscape:
    """Embed the public training posts and all people, and find the posts' words.

    Args:
        space: the model.
        materials: with features of its encoders.
        cache: folder of the feature caches, for the terms; None keeps nothing.
        config: of the vocabulary.
        most_posts: more are sampled, by seed.
    Raises: BadData if no post may be shown.
    """
    examples = materials.examples
    posts = materials.data.posts(["text", "tags", "private"])
    rows = _public_training_rows(materials)
    if not len(rows):
        raise BadData(
            "every training post is private",
            hint="words, tags and communities are told by public posts alone",
        )
    if len(rows) > most_posts:
        rows = np.sort(np.random.default_rng(0).choice(rows, most_posts, replace=False))
    _, _, vectors = embed_posts(space.joint, examples.features[torch.from_numpy(rows)])
    people, present = embed_people(space.joint, examples, materials.identities(space.users))
    author = examples.keys.author.numpy()[rows]
    chosen = posts.take(rows)
    vocabulary = build_vocabulary(
        chosen["text"].to_pylist(),
        chosen["tags"].to_pylist(),
        author,
        vectors,
        partial(encode_terms, space, cache=cache),
        config,
    )
    return Landscape(space, rows, vectors, author, vocabulary, people, present)


def survey_if_public(
    space: Space, materials: Materials, cache: Path | None = None
) -> Landscape | None:
    """`survey`, or None where no post may be shown."""
    return survey(space, materials, cache) if len(_public_training_rows(materials)) else None


def _public_training_rows(materials: Materials) -> np.ndarray:
    public = ~materials.data.posts(["private"])["private"].to_numpy()
    return np.flatnonzero(public & (np.asarray(materials.data.splits()) == "train"))
