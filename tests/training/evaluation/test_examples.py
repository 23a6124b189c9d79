"""The contact sheet: best results first, matches framed green, people where they have pictures."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.embedded import Direction
from training.evaluation.examples import Contents, example_sheet, retrieval_examples
from training.evaluation.style import GREEN

GREEN_RGB = tuple(bytes.fromhex(GREEN[1:]))


@pytest.fixture
def contents(pictures) -> Contents:
    texts = [None if row % 7 == 0 else f"text {row} 文字 " + "long" * row for row in range(30)]
    return Contents(texts, pictures, [f"person {row}" for row in range(6)])


@pytest.mark.parametrize("direction", Direction)
def test_examples_are_the_best_by_score(small_space, direction):
    for example in retrieval_examples(small_space, direction, queries=4, top=5):
        points = {
            "user": small_space.users,
            "image": small_space.images,
            "text": small_space.texts,
            "post": small_space.posts,
        }
        has = {"image": small_space.has_image, "text": small_space.has_text}.get(
            direction.candidate, np.ones(len(points[direction.candidate]), dtype=bool)
        )
        scores = points[direction.candidate] @ points[direction.query][example.query]
        best = sorted(np.flatnonzero(has), key=lambda row: -scores[row])[:5]
        assert example.results.tolist() == best
        for row, match in zip(example.results, example.matches, strict=True):
            ends = {direction.query: example.query, direction.candidate: int(row)}
            person = ends.pop("user", None)
            post = next(iter(ends.values()))
            if person is None:
                assert match == (row == example.query)
            else:
                assert match == (small_space.author[post] == person)


def test_queries_come_from_different_people(small_space):
    chosen = retrieval_examples(small_space, Direction.POST_TO_USER, queries=6)
    assert {int(small_space.author[each.query]) for each in chosen} == set(range(6))
    assert len(retrieval_examples(small_space, Direction.POST_TO_USER, queries=99)) == 30


def test_sheet_shows_matches_in_green(tmp_path, colours_of, small_space, contents):
    path = example_sheet(small_space, contents, tmp_path / "sheet.png", queries=2)
    assert GREEN_RGB in colours_of(path)
    # Nobody's posts are among the candidates that are left: no match, no green.
    wrong = replace(small_space, users=-small_space.users)
    only = [Direction.POST_TO_USER]
    path = example_sheet(wrong, contents, tmp_path / "wrong.png", directions=only, top=1)
    assert GREEN_RGB not in colours_of(path)


def test_people_are_shown_by_the_pictures_that_are_given(
    tmp_path, colours_of, small_space, contents
):
    asked = []

    def of_person(row):
        asked.append(row)
        return contents.pictures([1, 0, 2])

    given = replace(contents, of_person=of_person)
    only = [Direction.USER_TO_POST]
    path = example_sheet(small_space, given, tmp_path / "sheet.png", directions=only, queries=2)
    assert len(asked) == 2
    assert (37, 91, 120) in colours_of(path)


def test_a_sheet_of_nothing_is_refused(tmp_path, small_space, contents):
    nothing = replace(small_space, posts=None)
    with pytest.raises(ValueError, match="no direction"):
        example_sheet(nothing, contents, tmp_path / "x.png", directions=[Direction.USER_TO_POST])
