import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.interests.words import normal, phrases, terms


@settings(deadline=None)
@given(st.text())
def test_normal_is_normal_already(tag: str) -> None:
    assert normal(normal(tag)) == normal(tag)


@settings(deadline=None)
@given(st.text())
def test_terms_are_words_or_pairs_of_words(text: str) -> None:
    found = terms(text)
    words = {word for phrase in phrases(text) for word in phrase}
    assert words <= found
    for term in found - words:
        first, second = term.split(" ")
        assert {first, second} <= words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A red bird, and 2 cats", {"red", "bird", "and", "cats", "red bird", "and cats"}),
        ("Don't!", {"don't"}),
        ("see https://example.org/cats or @bob, mail a@b.org", {"see", "or", "mail"}),
        ("lemon_theme", {"lemon", "theme", "lemon theme"}),
        ("日本語", {"日本", "本語", "日本 本語"}),
        ("हिन्दी भाषा", {"हिन्दी", "भाषा", "हिन्दी भाषा"}),
        ("Straße STRASSE", {"strasse", "strasse strasse"}),
        ("", set()),
        ("!? 42", set()),
    ],
)
def test_scripts_and_signs(text: str, expected: set[str]) -> None:
    assert terms(text) == expected


def test_punctuation_ends_a_phrase() -> None:
    assert "bird cat" not in terms("bird. cat")
    assert "bird cat" in terms("bird cat")
