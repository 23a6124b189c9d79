import pytest

from recsys.events.records import Post


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Armadillo. animal", "Armadillo"),
        ("dead frogs. 2 dead frogs... nothing more", "dead frogs"),
        ("Version 1.2 is out", "Version 1.2 is out"),
        ("  first line\nsecond", "first line"),
        ("Why? Because.", "Why"),
        ("... odd", "... odd"),
        ("x" * 100, "x" * 79 + "…"),
        ("", "the/id"),
        (None, "the/id"),
        (" \n ", "the/id"),
    ],
)
def test_a_title_is_the_first_sentence_or_line(text, title):
    assert Post("the/id", "ann", text).title == title
