from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.training.planted import PEOPLE_EACH, SUBJECTS, Planted, subject_of
from training.communities.communities import Communities, _tightness, find_communities
from training.communities.method import NOBODY
from training.communities.metrics import community_metrics, dominant_categories, purity
from training.communities.points import about_middle, in_space, of_features
from training.errors import BadData


@pytest.fixture(scope="module")
def found(planted: Planted) -> Communities:
    return find_communities(planted.landscape, planted.materials)


def test_the_subjects_are_found_and_named(found: Communities) -> None:
    assert len(found.communities) == 4
    named = set()
    for community in found.communities:
        ((subject, most),) = Counter(map(subject_of, community.people)).most_common(1)
        assert most >= 0.8 * community.size
        assert set(community.name.split(", ")[0].split()) <= {subject, *SUBJECTS[subject]}
        named.add(subject)
    assert named == set(SUBJECTS)


def test_everyone_is_somewhere(planted: Planted, found: Communities) -> None:
    inside = [person for community in found.communities for person in community.people]
    assert sorted([*inside, *found.outside, *found.without_place]) == sorted(planted.users)
    for community in found.communities:
        assert community.size == len(community.people) == len(set(community.people))
        for person in community.people:
            row = planted.users.index(person)
            assert found.labels[row] == community.number - 1
    assert [community.size for community in found.communities] == sorted(
        [community.size for community in found.communities], reverse=True
    )


def test_the_most_central_come_first(planted: Planted, found: Communities) -> None:
    points = in_space(planted.landscape)
    for community in found.communities:
        rows = [planted.users.index(person) for person in community.people]
        own = points.vectors[np.searchsorted(points.people, rows)]
        nearness = own @ own.mean(axis=0)
        assert (np.diff(nearness) <= 1e-6).all()
        assert community.tightness == pytest.approx(_tightness(own), abs=1e-6)


def test_central_posts_are_public_and_of_different_members(
    planted: Planted, found: Communities
) -> None:
    posts = planted.materials.data.posts(["post_id", "private"]).to_pylist()
    private = {post["post_id"] for post in posts if post["private"]}
    for community in found.communities:
        authors = [post.author for post in community.posts]
        assert len(authors) == len(set(authors)) > 1
        assert set(authors) <= set(community.people)
        assert not {post.post_id for post in community.posts} & private


def test_tightness_against_all_pairs() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = [vectors[i] @ vectors[j] for i in range(6) for j in range(6) if i != j]
    assert _tightness(vectors) == pytest.approx(np.mean(pairs))
    assert _tightness(vectors[:1]) == 1


def test_people_without_a_place_are_told(planted: Planted) -> None:
    present = planted.landscape.present.copy()
    present[3] = False
    found = find_communities(replace(planted.landscape, present=present), planted.materials)
    assert found.without_place == (planted.users[3],)
    assert found.labels[3] == NOBODY


def test_too_few_people(planted: Planted) -> None:
    present = np.arange(len(planted.users)) < 7
    with pytest.raises(BadData, match="7 people have a place"):
        find_communities(replace(planted.landscape, present=present), planted.materials)


def test_metrics_of_planted_subjects_are_near_perfect(planted: Planted) -> None:
    figures = community_metrics(planted.landscape, planted.materials)
    assert set(figures) == {"joint", "unimodal_image", "unimodal_text"}
    joint = figures["joint"]
    for name in ("nmi", "ami", "purity", "grouped"):
        assert 0.85 < joint[name] <= 1 + 1e-9, name
    assert joint["communities"] == 4
    assert 0 < joint["npmi"] <= 1


def test_metrics_without_categories(planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = np.full(len(planted.users), -1)
    monkeypatch.setattr("training.communities.metrics.dominant_categories", lambda _: nobody)
    joint = community_metrics(planted.landscape, planted.materials)["joint"]
    assert not {"nmi", "ami", "purity"} & set(joint)
    assert joint["communities"] == 4


def test_the_dominant_category_is_of_most_posts(planted: Planted) -> None:
    found = dominant_categories(planted.materials)
    names = sorted(SUBJECTS)
    assert [names[label] for label in found] == [subject_of(user) for user in planted.users]
    assert np.bincount(found).tolist() == [PEOPLE_EACH] * 4


def test_purity_is_the_mean_of_each_groups_largest_share() -> None:
    truth = np.array([0, 0, 1, 1, 1, 2])
    assert purity(truth, np.array([0, 0, 0, 1, 1, 1])) == pytest.approx(4 / 6)
    assert purity(truth, truth + 5) == 1
    assert purity(truth, np.full(6, NOBODY)) == 0.5


def test_points_stand_about_their_middle() -> None:
    values = np.random.default_rng(1).standard_normal((9, 3)) + 10
    points = about_middle(np.arange(9), values)
    np.testing.assert_allclose(np.linalg.norm(points.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(points.place(values), points.vectors, rtol=1e-4)
    assert (points.vectors @ points.vectors.T).min() < -0.5  # the common part is gone
    assert len(about_middle(np.arange(0), np.empty((0, 3)))) == 0


def test_baseline_people_are_means_of_their_public_training_posts(planted: Planted) -> None:
    points = of_features(planted.landscape, planted.materials, "image")
    examples, rows = planted.materials.examples, planted.landscape.rows
    features = examples.features.blanked().image[rows].numpy()
    features /= np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    there = examples.features.has_image[rows].numpy()
    author = examples.keys.author.numpy()[rows]
    means = [features[there & (author == person)].mean(axis=0) for person in points.people]
    centred = np.array(means) - points.middle
    slow = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    cosines = np.einsum("nd,nd->n", slow, points.vectors)
    assert (cosines > 0.99).all()
