from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.planted import Planted, subject_of
from training.interests.precision import _figures, tag_figures


@pytest.fixture(scope="module")
def figures(planted: Planted):
    return tag_figures(planted.landscape, planted.materials)


def test_the_space_foretells_tags_better_than_frequency(figures) -> None:
    assert set(figures) == {"posts", "people"}
    for models in figures.values():
        joint, frequent = models["joint"], models["frequent"]
        assert joint["precision@5"] > 1.5 * frequent["precision@5"]
        assert joint["precision@5/low"] <= joint["precision@5"] <= joint["precision@5/high"]
        for each in models.values():
            assert each["precision@5"] <= each["ceiling@5"] + 1e-9
            assert 0 <= each["recall@5"] <= 1
            assert 0 < each["coverage"] <= 1
            assert each["n"] == joint["n"] > 0


def test_only_held_out_posts_with_image_and_tag_are_asked(planted: Planted, figures) -> None:
    data = planted.materials.data
    posts = data.posts(["user_id", "tags", "image_hash"]).to_pylist()
    held_out = [p for p, split in zip(posts, data.splits(), strict=True) if split == "test"]
    asked = [post for post in held_out if post["tags"] and post["image_hash"]]
    assert figures["posts"]["joint"]["n"] == len(asked)
    people = {post["user_id"] for post in held_out if post["tags"]}
    assert figures["people"]["joint"]["n"] == len(people)
    assert {subject_of(user) for user in people} == {"fruit", "dogs", "trains", "stars"}


def test_nothing_held_out_gives_no_figures(planted: Planted) -> None:
    examples = planted.materials.examples
    none = replace(planted.materials, examples=replace(
        examples, split=torch.zeros_like(examples.split)
    ))  # fmt: skip
    assert tag_figures(planted.landscape, none) == {}


def test_precision_and_recall_against_a_slow_count() -> None:
    random = np.random.default_rng(4)
    scores, truth = random.random((40, 12)), random.random((40, 12)) < 0.3
    truth[:, 0] |= ~truth.any(axis=1)
    allowed = np.arange(12) != 7
    people = np.arange(40) // 2
    found = _figures(lambda rows: scores[rows], truth, allowed, people, 5)
    precision, recall, foretold = [], [], set()
    for row in range(40):
        order = sorted(np.flatnonzero(allowed).tolist(), key=lambda tag: -scores[row, tag])[:5]
        hits = sum(truth[row, tag] for tag in order)
        precision.append(hits / 5)
        recall.append(hits / truth[row].sum())
        foretold.update(order)
    assert found["precision@5"] == pytest.approx(np.mean(precision))
    assert found["recall@5"] == pytest.approx(np.mean(recall))
    assert found["coverage"] == pytest.approx(len(foretold) / allowed.sum())
    perfect = _figures(lambda rows: truth[rows].astype(float), truth, truth.any(axis=0), people, 5)
    assert perfect["precision@5"] == pytest.approx(perfect["ceiling@5"])
