import pytest

from training.errors import BadConfig
from training.registry import Registry


def test_a_name_is_filed_once_and_found():
    things = Registry[int]("thing")
    things.register("one")(1)
    assert things["one"] == 1
    assert list(things) == ["one"]
    with pytest.raises(ValueError, match="twice"):
        things.register("one")(2)


def test_an_unknown_name_tells_what_there_is():
    things = Registry[int]("thing")
    things.register("infonce")(1)
    with pytest.raises(BadConfig, match="did you mean 'infonce'"):
        things["infonse"]
    with pytest.raises(BadConfig, match="known: infonce"):
        things["zzz"]
