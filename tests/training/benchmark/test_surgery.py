from dataclasses import replace

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.synthetic import small_examples
from training.benchmark.surgery import (
    PicturedHistories,
    Removal,
    choose_people,
    few_posts,
    only_modalities,
    with_histories,
    without_modalities,
    without_people,
)
from training.examples import SPLITS

EXAMPLES = small_examples(people=8, posts_each=16)
TRAIN = EXAMPLES.split == SPLITS.index("train")
shares = st.floats(0, 1)
seeds = st.integers(0, 2**31)


@given(share=shares, seed=seeds)
def test_apart_never_takes_both_modalities_of_a_post(share: float, seed: int) -> None:
    cut = without_modalities(EXAMPLES, Removal("apart", share), seed)
    before, after = EXAMPLES.features, cut.features
    assert bool((after.has_image | after.has_text).all())
    lost_image, lost_text = before.has_image & ~after.has_image, before.has_text & ~after.has_text
    assert not bool((lost_image & lost_text).any())
    assert torch.equal(cut.split, EXAMPLES.split)


@given(kind=st.sampled_from(["apart", "independent"]), share=shares, seed=seeds)
def test_only_training_posts_lose_and_nothing_is_gained(kind, share: float, seed: int) -> None:
    cut = without_modalities(EXAMPLES, Removal(kind, share), seed)
    for name in ("has_image", "has_text"):
        before, after = getattr(EXAMPLES.features, name), getattr(cut.features, name)
        assert not bool((after & ~before).any())
        assert torch.equal(before[~TRAIN], after[~TRAIN])


@given(kind=st.sampled_from(["apart", "independent"]), seed=seeds)
def test_what_is_missing_at_one_share_is_missing_at_a_higher(kind, seed: int) -> None:
    little, much = (without_modalities(EXAMPLES, Removal(kind, s), seed) for s in (0.2, 0.4))
    assert not bool((much.features.has_image & ~little.features.has_image).any())
    assert not bool((much.features.has_text & ~little.features.has_text).any())


@given(seed=seeds)
def test_independent_leaves_posts_without_anything_out(seed: int) -> None:
    cut = without_modalities(EXAMPLES, Removal("independent", 0.5), seed)
    rows = cut.rows("train")
    assert bool((cut.features.has_image | cut.features.has_text)[rows].all())


def test_a_removed_text_matches_nothing_any_more() -> None:
    same = torch.zeros_like(EXAMPLES.keys.text)  # all texts equal
    examples = replace(EXAMPLES, keys=replace(EXAMPLES.keys, text=same))
    cut = without_modalities(examples, Removal("apart", 0.5), 0)
    gone = ~cut.features.has_text
    assert bool(gone.any())
    assert cut.keys.text[gone].unique().numel() == int(gone.sum())
    assert bool((cut.keys.text[gone] < 0).all())


def test_the_degradation_takes_about_the_share() -> None:
    large = small_examples(people=100, posts_each=16)
    train = large.split == SPLITS.index("train")
    both = train & large.features.has_image & large.features.has_text
    cut = without_modalities(large, Removal("apart", 0.25), 3)
    lost = both & ~cut.features.has_image
    assert abs(float(lost.sum() / both.sum()) - 0.25) < 0.05


def test_a_single_pair_sees_one_modality() -> None:
    pictured = only_modalities(EXAMPLES, image=True, text=False)
    assert not bool(pictured.features.has_text.any())
    assert torch.equal(pictured.features.has_image, EXAMPLES.features.has_image)


def test_pictured_histories_hide_texts_from_people_only() -> None:
    pictured = PicturedHistories.of(EXAMPLES)
    people = torch.arange(len(EXAMPLES.users))
    assert not bool(pictured.histories(people).posts.has_text.any())
    assert bool(pictured.features.has_text.any())
    # the copies that training makes keep the rule
    copied = replace(pictured, features=EXAMPLES.features)
    assert not bool(copied.histories(people).posts.has_text.any())


@settings(max_examples=30)
@given(share=st.floats(0.2, 1), seed=seeds)
def test_newcomers_are_absent_from_training(share: float, seed: int) -> None:
    people = choose_people(EXAMPLES, share, 3, seed)
    cut = without_people(EXAMPLES, people)
    for split in ("train", "validation"):
        assert not bool(torch.isin(cut.keys.author[cut.rows(split)], people).any())
    assert torch.equal(cut.rows("test"), EXAMPLES.rows("test"))
    lengths = cut.history_start.diff()
    assert bool((lengths[people] == 0).all())
    others = torch.ones(len(EXAMPLES.users), dtype=torch.bool)
    others[people] = False
    assert torch.equal(lengths[others], EXAMPLES.history_start.diff()[others])
    assert not bool(torch.isin(cut.keys.author[cut.history_rows], people).any())


@settings(max_examples=20)
@given(seed=seeds)
def test_newcomers_get_as_many_posts_as_said(seed: int) -> None:
    people = choose_people(EXAMPLES, 0.5, 3, seed)
    counts = torch.arange(len(people)) % 3 + 1
    given_posts = few_posts(EXAMPLES, people, counts, seed)
    cut = without_people(EXAMPLES, people)
    placed = with_histories(cut, EXAMPLES, people, given_posts)
    assert torch.equal(placed.history_start.diff()[people], counts)
    for person in people.tolist():
        rows = placed.history_rows[placed.history_start[person] : placed.history_start[person + 1]]
        assert bool((EXAMPLES.keys.author[rows] == person).all())
        assert bool(TRAIN[rows].all())
    assert torch.equal(placed.split, cut.split)  # for placing, not for training
    kept = without_people(EXAMPLES, people, given_posts)
    assert torch.equal(kept.history_start.diff()[people], counts)
    more = few_posts(EXAMPLES, people, counts + 1, seed)
    assert not bool((given_posts & ~more).any())
