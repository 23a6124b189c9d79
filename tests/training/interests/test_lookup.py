import pytest

from training.errors import NotFound
from training.interests.lookup import find_id


def test_rows_are_found() -> None:
    assert find_id("b", ["a", "b"], "person") == 1


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("alise", "did you mean 'alice'?"),
        ("lice", "did you mean 'alice'?"),
        ("zz", "there are 2 ids"),
    ],
)
def test_near_ones_are_named(wanted: str, hint: str) -> None:
    with pytest.raises(NotFound, match=f"there is no person '{wanted}' in the data") as caught:
        find_id(wanted, ["alice", "bob"], "person")
    assert caught.value.hint == hint
