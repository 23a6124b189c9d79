"""What a person costs, measured, is what the shapes say; and paper figures follow from it."""

import pytest

from infra.benchmarks.user_tables import WORKERS, bucket, paper, person

SHAPE = {"dimension": 24, "hidden": 8}
WIDTH = 2 * 8
"""Coordinates of a person in both blocks."""


@pytest.fixture(scope="module")
def each():
    return {kind: person(kind, **SHAPE) for kind in ("full", "hashed", "sharded")}


def test_a_person_costs_what_is_kept_of_them(each):
    full, sharded = each["full"], each["sharded"]
    assert full.vectors == sharded.vectors == 4 * WIDTH
    assert full.optimizer == 2 * 4 * WIDTH
    assert sharded.optimizer == 4 * WIDTH + 2 * (4 + 4 + 8)  # square, updates, averaged until
    assert full.averages == sharded.averages == 2 * 4 * WIDTH
    assert full.checkpoint == pytest.approx(5 * 4 * WIDTH, rel=0.01)
    assert sharded.checkpoint == pytest.approx(4 * 4 * WIDTH + 2 * (4 + 4), rel=0.01)


def test_nobody_costs_anything_where_rows_are_hashed(each):
    assert each["hashed"].memory == 0
    assert abs(each["hashed"].checkpoint) < 1


def test_paper_figures_grow_with_people_but_for_hashed_ones(each):
    of_bucket = bucket(**SHAPE)
    few, many = ({p.kind: p for p in paper(n, each, of_bucket)} for n in (10**7, 10**9))
    assert many["full"].memory == pytest.approx(100 * few["full"].memory)
    assert many["sharded"].memory == pytest.approx(100 * few["sharded"].memory)
    assert many["hashed"].memory == pytest.approx(few["hashed"].memory)
    assert many["sharded"].sent == few["sharded"].sent < few["full"].sent / 1000
    assert few["full"].memory > (WORKERS - 1) * few["sharded"].memory
