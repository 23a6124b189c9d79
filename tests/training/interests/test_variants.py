import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.interests.variants import merge_variants

NEAR = np.array([[1, 0], [0.8, 0.6]], np.float32)
SAME = np.array([[1, 0], [1, 0]], np.float32)
FAR = np.array([[1, 0], [0, 1]], np.float32)


@pytest.mark.parametrize(
    ("terms", "vectors", "one"),
    [
        (("flag", "flags"), NEAR, True),
        (("flag", "flags"), FAR, False),
        (("car", "card"), FAR, False),
        (("gray", "grey"), SAME, True),
        (("gray", "green"), NEAR, False),
        (("clip art", "clipart"), FAR, True),
        (("arrow left", "arrow right"), SAME, False),
        (("arrow left", "arrows left"), SAME, True),
        (("cat", "dog"), SAME, False),
    ],
)
def test_what_is_one_word(terms: tuple[str, str], vectors: np.ndarray, one: bool) -> None:
    stands = merge_variants(terms, vectors, [2, 1])
    assert stands.tolist() == [0, 0 if one else 1]


def test_the_heavier_stands_for_the_lighter() -> None:
    assert merge_variants(("flag", "flags"), NEAR, [1, 5]).tolist() == [1, 1]


@settings(deadline=None)
@given(st.lists(st.text("abc ", min_size=1, max_size=5), unique=True, max_size=15))
def test_heads_stand_for_themselves(terms: list[str]) -> None:
    vectors = np.ones((len(terms), 1), np.float32)
    stands = merge_variants(terms, vectors, list(range(len(terms))))
    assert (stands[stands] == stands).all()
