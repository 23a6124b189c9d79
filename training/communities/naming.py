"""What a community is called: the words that its people use and others don't."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.communities.method import NOBODY
from training.interests.people import distinct
from training.interests.vocabulary import Vocabulary

WORDS = 10
IN_NAME = 3
_PRIOR_WEIGHT = 0.5
"""Of the prior, as a share of the mean number of words of a community."""


@dataclass(frozen=True)
class NamingWord:
    """A word that distinguishes a community.

    Attributes:
        word: of the vocabulary.
        surprise: standard deviations by which its log-odds in the community exceed those outside.
        people: how many of the community use it.
        row: in the vocabulary.
    """

    word: str
    surprise: float
    people: int
    row: int


def naming_words(
    vocabulary: Vocabulary, author: np.ndarray, communities: np.ndarray, count: int = WORDS
) -> list[list[NamingWord]]:
    """The most distinguishing words of each community, the most surprising first.

    Counted are people, not posts, so that nobody names a community alone: a word that only one of
    them uses names it only if it has no better ones. The log-odds of a word inside against outside
    are drawn towards those of everyone, the more the rarer the word, so that neither common words
    win nor those used once.

    Args:
        vocabulary: of N posts.
        author: (N,) int, of the posts.
        communities: (U,) labels of all people, NOBODY for those in none.
        count: of words at most; fewer where fewer distinguish.
    Returns: a list for each community from 0.
    Source: Monroe, Colaresi and Quinn, Fightin' Words (2008), equations 16 and 22.
    """
    users = users_of(vocabulary.holds, author, communities)  # (C, V)
    if not users.size:
        return [[] for _ in range(users.shape[0])]
    everyone = users_of(vocabulary.holds, author, np.zeros_like(communities))[0]
    weight = _PRIOR_WEIGHT * users.sum() / max(1, len(users))
    prior = weight * (everyone + 1e-2) / (everyone + 1e-2).sum()
    total, all_words = users.sum(axis=1, keepdims=True), everyone.sum()
    inside = (users + prior) / (total + weight - users - prior)
    outside_users, outside_total = everyone - users, all_words - total
    outside = (outside_users + prior) / (outside_total + weight - outside_users - prior)
    deviation = np.sqrt(1 / (users + prior) + 1 / (outside_users + prior))
    surprise = np.log(inside / outside) / deviation
    named = []
    for community, row in enumerate(surprise):
        shared = users[community] > 1
        order = np.lexsort((np.arange(len(row)), -row, ~shared))
        allowed = (row > 0) & (users[community] > 0)
        chosen = distinct(vocabulary, order, allowed, count)
        named.append(
            [
                NamingWord(
                    vocabulary.terms[word], float(row[word]), int(users[community, word]), word
                )
                for word in chosen
            ]
        )
    return named


def names_of(words: list[list[NamingWord]]) -> list[str]:
    """A name for each community, `one, two, three`; longer where two would have the same."""
    names: list[str] = []
    for number, each in enumerate(words, start=1):
        length = IN_NAME
        name = ", ".join(word.word for word in each[:length])
        while name in names and length < len(each):
            length += 1
            name = ", ".join(word.word for word in each[:length])
        names.append(name if name and name not in names else f"community {number}")
    return names


def users_of(holds: sparse.csr_matrix, author: np.ndarray, communities: np.ndarray) -> np.ndarray:
    """(C, V) float64: how many people of each community use each term."""
    posts = sparse.csr_matrix(
        (np.ones(len(author), np.float32), (author, np.arange(len(author)))),
        (len(communities), len(author)),
    )
    uses = sparse.csr_matrix(posts @ holds)
    uses.data[:] = 1
    members = np.flatnonzero(communities != NOBODY)
    count = int(communities.max(initial=NOBODY)) + 1
    belongs = sparse.csr_matrix(
        (np.ones(len(members), np.float32), (communities[members], members)),
        (count, len(communities)),
    )
    return sparse.csr_matrix(belongs @ uses).toarray().astype(np.float64)
