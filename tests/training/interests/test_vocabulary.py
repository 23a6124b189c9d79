import numpy as np
import pytest
from scipy import sparse

from training.interests.limits import VocabularyConfig, people_of, posts_of, telling
from training.interests.vocabulary import build_vocabulary

FEW = VocabularyConfig(least_posts=2, least_coherence=0, least_evidence=0, most_share=1)


def apart(texts) -> np.ndarray:
    """Every text a direction of its own."""
    return np.eye(len(texts), 64, dtype=np.float32)


def build(texts, tags=None, author=None, config=FEW, encode=apart):
    count = len(texts)
    vectors = np.ones((count, 1), np.float32)  # one place: no word is told from another by it
    author = np.arange(count) if author is None else np.array(author)
    return build_vocabulary(texts, tags or [[]] * count, author, vectors, encode, config)


def test_incidence_says_who_has_what() -> None:
    texts = ["red bird", "a red cat", None, "bird"]
    tags = [["Sky_Blue"], ["sky blue"], None, []]
    found = build(texts, tags)
    assert found.terms == ("bird", "red", "sky blue")
    assert found.holds.toarray().tolist() == [[1, 1, 1], [0, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert found.tagged.toarray().tolist() == [[0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 0, 0]]
    assert found.is_tag.tolist() == [False, False, True]
    assert found.people.tolist() == [2, 2, 2]
    assert found.posts(1).tolist() == [0, 1]
    assert found.rows_of_tags(["#SKY BLUE", "unknown", "sky_blue"]) == [2]


def test_a_word_of_one_person_is_a_signature() -> None:
    texts = ["nick drew it", "nick drew this", "somebody else"]
    assert "nick" not in build(texts, author=[0, 0, 1]).terms
    assert "nick" in build(texts, author=[0, 1, 2]).terms


def test_a_tag_passes_limits_that_a_word_does_not() -> None:
    tags = [["mine"], ["mine"], []]
    assert "mine" in build(["x", "y", "z"], tags, author=[0, 0, 1]).terms


def test_what_most_posts_say_is_no_subject() -> None:
    texts = ["drawing of a bird"] * 3 + ["drawing of a cat"] * 7
    assert "drawing" not in build(texts, config=FEW.model_copy(update={"most_share": 0.75})).terms


def test_a_pair_of_words_needs_both_and_attraction() -> None:
    together = ["lemon theme icon"] * 4 + ["sky"] * 12
    assert "lemon theme" in build(together).terms
    chance = ["lemon theme", "lemon", "theme", "lemon theme", *["lemon", "theme"] * 6, "x"]
    assert "lemon theme" not in build(chance).terms


def test_variants_are_one_term_under_the_most_used_form() -> None:
    def near(texts) -> np.ndarray:
        return np.ones((len(texts), 2), np.float32) / np.sqrt(2)

    found = build(["flag"] * 3 + ["flags"] * 2, encode=near)
    assert found.terms == ("flag",)
    assert found.variants == (("flags",),)
    assert found.holds.toarray().ravel().tolist() == [1] * 5
    assert found.row == {"flag": 0, "flags": 0}


def test_nothing_said_gives_an_empty_vocabulary() -> None:
    found = build([None, "", "!?"])
    assert len(found) == 0
    assert found.holds.shape == (3, 0)
    assert found.rows_of_tags(["x"]) == []


def test_the_size_keeps_what_most_people_use() -> None:
    texts = ["bird"] * 5 + ["cat"] * 3 + ["dog"] * 4
    assert build(texts, config=FEW.model_copy(update={"size": 2})).terms == ("bird", "dog")


def test_grammar_is_told_from_subjects_by_where_it_stands() -> None:
    random = np.random.default_rng(1)
    subject = np.arange(240) % 2
    vectors = 0.5 * random.standard_normal((240, 8))
    vectors[:, 0] += np.where(subject, 1.5, -1.5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    author = np.arange(240) % 30 * 2 + subject  # each person has one subject
    holds = sparse.csr_matrix(
        np.stack([subject == 0, subject == 1, random.random(240) < 0.2], axis=1).astype(np.float32)
    )
    tagged = sparse.csr_matrix((240, 3), dtype=np.float32)
    config = VocabularyConfig(most_share=0.6)
    kept = telling(["cat", "dog", "und"], holds, tagged, author, vectors, config)
    assert kept.tolist() == [0, 1]


@pytest.mark.parametrize("seed", range(3))
def test_counts_of_posts_and_people_against_slow_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    dense = random.random((30, 6)) < 0.3
    author = random.integers(0, 7, 30)
    holds = sparse.csr_matrix(dense.astype(np.float32))
    assert posts_of(holds).tolist() == dense.sum(axis=0).tolist()
    slow = [len(set(author[column].tolist())) for column in dense.T]
    assert people_of(holds, author).tolist() == slow
