import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from training.errors import BadConfig
from training.run_config import RunConfig
from training.search.space import (
    DEFAULT_SPACE,
    Kind,
    draw,
    parse_space,
    read_space,
    with_values,
)

BASE = RunConfig()
positive = st.floats(1e-6, 1e6, allow_nan=False)


def one(field, text, base=BASE):
    (dimension,) = parse_space({field: text}, base)
    return dimension


@given(positive, positive, st.integers(0, 1000))
def test_what_is_drawn_lies_between_its_ends_and_reads_back(low, high, seed):
    low, high = sorted((low, high))
    text = f"loguniform({low!r}, {high!r})"
    dimension = one("loop.learning_rate", text)
    value = dimension.draw(random.Random(seed))
    assert low <= value <= high
    assert one("loop.learning_rate", str(dimension)) == dimension
    assert with_values(BASE, {"loop.learning_rate": value}).loop.learning_rate == value


@given(st.integers(2, 5000), st.integers(0, 400), st.integers(0, 1000))
def test_whole_numbers_stay_whole_and_reach_both_ends(low, width, seed):
    dimension = one("loop.batch_size", f"randint({low}, {low + width})")
    value = dimension.draw(random.Random(seed))
    assert isinstance(value, int)
    assert low <= value <= low + width
    if width == 1:
        source = random.Random(seed)
        assert {dimension.draw(source) for _ in range(60)} == {low, low + 1}


@given(st.lists(st.sampled_from([32, 64, 128, 256]), min_size=1, unique=True))
def test_a_list_is_a_choice(values):
    dimension = one("model.hidden", values)
    assert dimension.kind is Kind.CHOICE
    assert dimension == one("model.hidden", str(dimension))


@given(st.text(max_size=30))
def test_any_text_is_a_distribution_or_an_error_of_ours(text):
    try:
        dimension = one("model.dropout", text)
    except BadConfig as error:
        assert "model.dropout" in error.message
    else:
        assert dimension.field == "model.dropout"


@given(st.text(min_size=1, max_size=30))
def test_any_field_that_is_none_is_named(field):
    assume(field not in BASE.flat())
    with pytest.raises(BadConfig) as caught:
        parse_space({field: "uniform(0, 1)"}, BASE)
    assert field.split(".")[0] in caught.value.message or caught.value.hint


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"loop.lerning_rate": "uniform(0, 1)"}, "loop.learning_rate"),
        ({"learning_rate": "uniform(0, 1)"}, "loop.learning_rate"),
        ({"model.dropout": "unifrom(0, 1)"}, "uniform"),
        ({"model.dropout": "uniform(0.5, 0.1)"}, "lowest comes first"),
        ({"model.dropout": "uniform(0, 3)"}, "model.dropout"),
        ({"model.dropout": "uniform(0, high)"}, "two numbers"),
        ({"model.dropout": "loguniform(0, 0.5)"}, "above 0"),
        ({"model.dropout": "choice()"}, "no values"),
        ({"model.dropout": "0.3"}, "no distribution"),
        ({"model.hidden": "choice(64, many)"}, "model.hidden"),
        ({"loop.batch_size": "randint(2.5, 8)"}, "two whole numbers"),
        ({"loop.epochs": "randint(2, 8)"}, "--set loop.epochs"),
        ({"text_encoder.name": "choice(a, b)"}, "one set of features"),
        ({"data.posts": "choice(a, b)"}, "one data set"),
        ({"scaling.workers": "randint(1, 2)"}, "one process"),
        ({}, "no field"),
    ],
)
def test_a_bad_space_says_what_is_wrong_and_what_is_near(entry, said):
    with pytest.raises(BadConfig) as caught:
        parse_space(entry, BASE)
    assert said in str(caught.value)


def test_groups_may_be_nested(tmp_path):
    path = tmp_path / "space.yaml"
    path.write_text("loop:\n  learning_rate: loguniform(1e-3, 1e-2)\nmodel.hidden: [64, 128]\n")
    space = parse_space(read_space([str(path), "model.dropout=uniform(0, 0.5)"]), BASE)
    assert [each.field for each in space] == [
        "loop.learning_rate",
        "model.hidden",
        "model.dropout",
    ]
    assert space[0].values == (1e-3, 1e-2)


@pytest.mark.parametrize("given", ["loop.learning_rate", "there-is-none.yaml"])
def test_an_entry_that_is_neither_is_told(given):
    with pytest.raises(BadConfig, match=given):
        read_space([given])


def test_the_default_space_fits_the_default_configuration():
    space = parse_space(DEFAULT_SPACE, BASE)
    trials = draw(space, 20, 0, BASE)
    assert trials[0] == {}
    assert len(trials) == 21
    assert all(set(values) == set(DEFAULT_SPACE) for values in trials[1:])
    assert trials == draw(space, 20, 0, BASE)
    assert trials[1:] != draw(space, 20, 1, BASE)[1:]


def test_grids_are_combined_and_the_rest_is_drawn_for_each():
    space = parse_space(
        {
            "model.hidden": "grid(64, 128)",
            "loop.batch_size": "grid(128, 256, 512)",
            "model.dropout": "uniform(0, 0.5)",
        },
        BASE,
    )
    trials = draw(space, 2, 0, BASE)[1:]
    assert len(trials) == 2 * 3 * 2
    assert len({(v["model.hidden"], v["loop.batch_size"]) for v in trials}) == 6
    alone = draw(parse_space({"model.hidden": "grid(64, 128)"}, BASE), 5, 0, BASE)
    assert [values.get("model.hidden") for values in alone] == [None, 64, 128]


def test_a_log_scale_gives_each_decade_its_share():
    dimension = one("loop.learning_rate", "loguniform(1e-5, 1e-1)")
    source = random.Random(0)
    drawn = [math.log10(dimension.draw(source)) for _ in range(2000)]
    shares = [sum(low <= value < low + 1 for value in drawn) / 2000 for low in range(-5, -1)]
    assert all(0.2 < share < 0.3 for share in shares)
