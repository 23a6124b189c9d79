from itertools import combinations

import pytest

from training.modalities import Modality
from training.model.layout import (
    APPEAL,
    APPEAL_WIDTH,
    AUDIENCE,
    MEANING,
    Pair,
    blocks_of,
    default_query_weights,
    terms_of,
)

SUBSETS = [pairs for size in (1, 2, 3) for pairs in combinations(Pair, size)]
WIDTHS = {"meaning": 8, "audience": 5}


def names(blocks) -> list[str]:
    return [block.name for block in blocks]


def test_pairs_share_the_dimension_and_other_blocks_come_on_top():
    blocks = blocks_of("private", tuple(Pair), 25, **WIDTHS)
    assert names(blocks) == [*Pair, MEANING, AUDIENCE, APPEAL]
    assert [block.dimension for block in blocks] == [9, 8, 8, 8, 5, APPEAL_WIDTH]
    assert [block.is_projected for block in blocks] == [True] * 3 + [False] * 3


def test_without_widths_there_are_the_pairs_alone():
    assert names(blocks_of("private", tuple(Pair), 25)) == list(Pair)
    assert names(blocks_of("shared", tuple(Pair), 25, **WIDTHS)) == ["shared"]


@pytest.mark.parametrize("pairs", SUBSETS, ids=lambda pairs: "+".join(pairs))
def test_a_block_needs_a_pair_that_can_make_it(pairs):
    found = names(blocks_of("private", pairs, 25, **WIDTHS))
    assert (MEANING in found) == any(Modality.TEXT in pair.sides for pair in pairs)
    people = any(Modality.USER in pair.sides for pair in pairs)
    assert (AUDIENCE in found) == (APPEAL in found) == people


@pytest.mark.parametrize("pairs", SUBSETS, ids=lambda pairs: "+".join(pairs))
@pytest.mark.parametrize("layout", ["private", "shared"])
def test_terms_are_of_trained_pairs_in_blocks_that_there_are(layout, pairs):
    blocks = names(blocks_of(layout, pairs, 25, **WIDTHS))
    terms = terms_of(layout, pairs, meaning=MEANING in blocks)
    assert {term.pair for term in terms} == set(pairs)
    assert {term.block for term in terms} <= set(blocks)
    assert len({term.name for term in terms}) == len(terms)
    taught = [term for term in terms if term.block == MEANING]
    assert bool(taught) == (layout == "private" and Pair.IMAGE_TEXT in pairs)
    assert all(term.fixed is Modality.TEXT for term in taught)


def test_a_pair_asks_in_its_own_block_first():
    blocks = blocks_of("private", tuple(Pair), 25, **WIDTHS)
    weights = {
        direction: dict(zip(names(blocks), each, strict=True))
        for direction, each in default_query_weights(blocks).items()
    }
    for pair in Pair:
        for query, target in (pair.sides, pair.sides[::-1]):
            each = weights[f"{query}_to_{target}"]
            assert each[pair.value] == 1
            assert max(value for name, value in each.items() if name != APPEAL) == 1
    for direction, each in weights.items():
        asks_for_content = direction.startswith("user_to") and direction != "user_to_user"
        assert (each[APPEAL] > 0) == asks_for_content
        if direction.endswith("to_user"):  # people hold no appeal, but what asks for it
            assert each[AUDIENCE] == 0
    assert weights["text_to_text"][MEANING] == max(weights["text_to_text"].values())


@pytest.mark.parametrize("widths", [{}, WIDTHS])
@pytest.mark.parametrize("pairs", SUBSETS, ids=lambda pairs: "+".join(pairs))
def test_no_query_is_nothing(pairs, widths):
    blocks = blocks_of("private", pairs, 25, **widths)
    for each in default_query_weights(blocks).values():
        assert len(each) == len(blocks)
        assert any(each)
