from dataclasses import replace

import numpy as np
import pytest

from tests.training.planted import FILLER, SUBJECTS, Planted, subject_of
from training.errors import NotFound
from training.interests.people import interests


def words_of(subject: str) -> set[str]:
    return {subject, *SUBJECTS[subject]}


def test_everyone_is_described_by_their_own_subject(planted: Planted) -> None:
    right, told = 0, 0
    for user in planted.users:
        found = interests(planted.landscape, planted.materials, user, 3)
        own = [set(interest.word.split()) <= words_of(subject_of(user)) for interest in found]
        assert own[0], (user, found[0].word)
        right, told = right + sum(own), told + len(own)
    assert right >= 0.9 * told


def test_the_strongest_come_first_and_tell_something(planted: Planted) -> None:
    found = interests(planted.landscape, planted.materials, "dogs-0")
    strengths = [interest.strength for interest in found]
    assert strengths == sorted(strengths, reverse=True)
    for interest in found:
        assert interest.strength > 0
        assert interest.lift > 1
        assert 0 < interest.share <= 1
        assert 0.5 < interest.percentile <= 1  # nearer to them than to most people


def test_no_word_of_grammar_and_no_private_word(planted: Planted) -> None:
    vocabulary = planted.landscape.vocabulary
    forms = {form for forms in vocabulary.variants for form in forms} | set(vocabulary.terms)
    assert not forms & set(FILLER)
    assert not any("secret" in form for form in forms)


def test_own_uses_are_counted_over_public_training_posts(planted: Planted) -> None:
    data, vocabulary = planted.materials.data, planted.landscape.vocabulary
    posts = data.posts(["user_id", "text", "tags", "private"]).to_pylist()
    said = [
        {*(post["text"] or "").split(), *(post["tags"] or ())}
        for post, split in zip(posts, data.splits(), strict=True)
        if post["user_id"] == "fruit-1" and split == "train" and not post["private"]
    ]
    single = [
        interest
        for interest in interests(planted.landscape, planted.materials, "fruit-1")
        if " " not in interest.word and not vocabulary.variants[vocabulary.row[interest.word]]
    ]
    assert single
    for interest in single:
        assert interest.used == sum(interest.word in words for words in said)


def test_the_count_is_a_limit_and_the_order_stays(planted: Planted) -> None:
    few = interests(planted.landscape, planted.materials, "stars-2", 2)
    more = interests(planted.landscape, planted.materials, "stars-2", 5)
    assert [each.word for each in more[:2]] == [each.word for each in few]


def test_a_wrong_name_is_answered_with_near_ones(planted: Planted) -> None:
    with pytest.raises(NotFound, match="no person 'dogs-9'") as caught:
        interests(planted.landscape, planted.materials, "dogs-9")
    assert "'dogs-" in str(caught.value.hint)


def test_somebody_without_a_place(planted: Planted) -> None:
    present = planted.landscape.present.copy()
    present[planted.users.index("dogs-0")] = False
    with pytest.raises(NotFound, match="no place in the space"):
        interests(replace(planted.landscape, present=present), planted.materials, "dogs-0")


def test_usual_is_the_mean_around_people(planted: Planted) -> None:
    landscape = planted.landscape
    near = landscape.around(landscape.people, "user").matrix().toarray()
    slow = np.zeros((len(near), len(landscape.vocabulary)))
    holds = landscape.vocabulary.holds.toarray()
    for person, weights in enumerate(near):
        for post, weight in enumerate(weights):
            slow[person] += weight * holds[post]
    np.testing.assert_allclose(landscape.reference, slow, atol=1e-5)
    np.testing.assert_allclose(landscape.usual, slow.mean(axis=0), atol=1e-5)
