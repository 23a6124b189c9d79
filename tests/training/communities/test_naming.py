import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from training.communities.method import NOBODY
from training.communities.naming import NamingWord, names_of, naming_words, users_of
from training.interests.vocabulary import Vocabulary

TERMS = ("cat", "dog", "sky", "the")


def vocabulary(holds: np.ndarray) -> Vocabulary:
    matrix = sparse.csr_matrix(holds.astype(np.float32))
    count = holds.shape[1]
    return Vocabulary(
        TERMS[:count],
        ((),) * count,
        np.eye(count, dtype=np.float32),
        matrix,
        matrix,
        np.ones(count, int),
    )


def posts(*rows: tuple[int, str]) -> tuple[Vocabulary, np.ndarray]:
    holds = np.array([[term in words.split() for term in TERMS] for _, words in rows])
    return vocabulary(holds), np.array([author for author, _ in rows])


def test_a_community_is_named_by_what_others_do_not_say() -> None:
    words, author = posts(
        *((person, "cat the") for person in range(5)),
        *((person, "dog the") for person in range(5, 10)),
    )
    named = naming_words(words, author, np.repeat([0, 1], 5))
    assert [each[0].word for each in named] == ["cat", "dog"]
    assert named[0][0].people == 5
    assert named[0][0].surprise > 0
    assert all(word.word != "dog" for word in named[0])


def test_nobody_names_a_community_alone() -> None:
    words, author = posts(
        *((0, "sky"),) * 30,  # one person says nothing else
        *((person, "cat the") for person in range(1, 5)),
        *((person, "dog the") for person in range(5, 10)),
    )
    named = naming_words(words, author, np.repeat([0, 1], 5))
    assert named[0][0].word == "cat"
    alone = [word for word in named[0] if word.word == "sky"]
    assert alone and alone[0] == named[0][-1]


def test_those_outside_name_nothing() -> None:
    words, author = posts((0, "cat"), (1, "cat"), (2, "sky"), (3, "sky"), (4, "dog"), (5, "dog"))
    named = naming_words(words, author, np.array([0, 0, NOBODY, NOBODY, 1, 1]))
    assert [each[0].word for each in named] == ["cat", "dog"]


def test_a_community_without_words() -> None:
    assert naming_words(vocabulary(np.zeros((2, 0))), np.arange(2), np.array([0, 1])) == [[], []]


@settings(deadline=None)
@given(st.integers(0, 99))
def test_people_are_counted_not_posts(seed: int) -> None:
    random = np.random.default_rng(seed)
    holds, author = random.random((25, 4)) < 0.3, random.integers(0, 8, 25)
    communities = random.integers(-1, 3, 8)
    found = users_of(sparse.csr_matrix(holds.astype(np.float32)), author, communities)
    for community in range(communities.max() + 1):
        for term in range(4):
            users = {a for a, row in zip(author, holds, strict=True) if row[term]}
            here = [a for a in users if communities[a] == community]
            assert found[community, term] == len(here)


def named(*words: str) -> list[NamingWord]:
    return [NamingWord(word, 1.0, 2, row) for row, word in enumerate(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([named("a", "b", "c", "d")], ["a, b, c"]),
        ([named("a", "b", "c", "d"), named("a", "b", "c", "e")], ["a, b, c", "a, b, c, e"]),
        ([named("a"), named("a"), []], ["a", "community 2", "community 3"]),
    ],
)
def test_names_are_of_three_words_and_never_the_same(words, expected) -> None:
    assert names_of(words) == expected


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), unique=True, max_size=4), max_size=8))
def test_names_are_unique(words: list[list[str]]) -> None:
    names = names_of([named(*each) for each in words])
    assert len(set(names)) == len(names) == len(words)
    assert all(names)
