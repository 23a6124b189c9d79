from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare, kstest

from recsys.experiments.assignment import assignments, place, variant_of
from recsys.experiments.config import ExperimentConfig

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PEOPLE = [f"person{number}" for number in range(20_000)]
UNLIKELY = 1e-3  # the ids are fixed, so a test that passes once always passes


def experiment(name="one", weights=(1, 1), **more) -> ExperimentConfig:
    variants = [{"name": f"v{i}", "weight": weight} for i, weight in enumerate(weights)]
    return ExperimentConfig.parse({"name": name, "variants": variants, **more})


def names(chosen: ExperimentConfig, people=PEOPLE) -> list[str | None]:
    found = (variant_of(person, chosen) for person in people)
    return [variant.name if variant else None for variant in found]


def test_the_place_of_a_person_is_for_ever():
    """Another release that draws otherwise would move the people of every running experiment."""
    assert place("variant:one", "alice") == 0.6705119488667461
    assert place("variant:one", "dave") == 0.47725600599216333
    assert place("variant:one", "zoë/1") == 0.35835056967173395
    assert names(experiment(), ["alice", "dave", "zoë/1"]) == ["v1", "v0", "v0"]


@pytest.mark.parametrize("salt", ["a", "b", "variant:one"])
def test_places_are_uniform(salt):
    places = [place(salt, person) for person in PEOPLE]
    assert kstest(places, "uniform").pvalue > UNLIKELY
    assert min(places) >= 0 and max(places) < 1


@pytest.mark.parametrize("weights", [(1, 1), (9, 1), (1, 2, 3), (0.5, 0.25, 0.25)])
def test_variants_get_people_in_proportion_to_their_weights(weights):
    counts = Counter(names(experiment(weights=weights)))
    expected = np.array(weights) / sum(weights) * len(PEOPLE)
    observed = [counts[f"v{i}"] for i in range(len(weights))]
    assert chisquare(observed, expected).pvalue > UNLIKELY


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_a_share_of_people_takes_part_and_splits_like_all(share):
    counts = Counter(names(experiment(share=share)))
    inside = counts["v0"] + counts["v1"]
    assert chisquare([inside, counts[None]], [share * 20_000, (1 - share) * 20_000]).pvalue > 1e-3
    assert chisquare([counts["v0"], counts["v1"]]).pvalue > UNLIKELY


@pytest.mark.parametrize("other", [{"salt": "else"}, {"name": "two", "layer": "second"}])
def test_other_salts_draw_independently(other):
    mine, theirs = experiment(), experiment(**other)
    both = Counter(zip(names(mine), names(theirs), strict=True))
    grid = [[both[f"v{i}", f"v{j}"] for j in range(2)] for i in range(2)]
    assert chi2_contingency(grid).pvalue > UNLIKELY


def test_taking_part_in_a_layer_says_nothing_about_another():
    mine, theirs = experiment(share=0.3), experiment("two", layer="second", share=0.6)
    both = Counter(zip(map(bool, names(mine)), map(bool, names(theirs)), strict=True))
    grid = [[both[i, j] for j in (False, True)] for i in (False, True)]
    assert chi2_contingency(grid).pvalue > UNLIKELY


def test_experiments_of_one_layer_share_its_people_without_overlap():
    first, second = experiment("one", share=0.5), experiment("two", offset=0.5, share=0.5)
    pairs = list(zip(names(first), names(second), strict=True))
    assert all((mine is None) != (theirs is None) for mine, theirs in pairs)


ids = st.text(min_size=1, max_size=128)
weight_lists = st.lists(st.floats(0.01, 100), min_size=2, max_size=8)


@settings(max_examples=200, deadline=None)
@given(user=ids, weights=weight_lists, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_growing_share_takes_people_in_and_moves_nobody(user, weights, shares):
    small, large = sorted(shares)
    before = variant_of(user, experiment(weights=weights, share=small))
    after = variant_of(user, experiment(weights=weights, share=large))
    assert before is None or after == before


@settings(max_examples=200, deadline=None)
@given(user=ids, weights=weight_lists)
def test_everyone_is_in_one_variant_of_an_experiment_for_all_always_the_same(user, weights):
    chosen = experiment(weights=weights)
    found = variant_of(user, chosen)
    assert found in chosen.variants
    assert variant_of(user, experiment(weights=weights)) == found


@settings(deadline=None)
@given(st.tuples(ids, ids), st.tuples(ids, ids))
def test_salt_and_id_are_kept_apart(one, other):
    assert (place(*one) == place(*other)) == (one == other)


def test_shadow_variants_get_nobody():
    chosen = ExperimentConfig.parse(
        {
            "name": "one",
            "variants": [{"name": "shown"}, {"name": "beside", "weight": 50}],
            "shadow": ["beside"],
        }
    )
    assert set(names(chosen, PEOPLE[:500])) == {"shown"}


def test_only_running_experiments_assign():
    over = experiment("over", end="2026-11-01T00:00:00Z")
    later = experiment("later", layer="second", start="2026-12-01T00:00:00Z")
    running = experiment("running", layer="third")
    nobody = experiment("nobody", layer="fourth", share=0)
    found = assignments("alice", [over, later, running, nobody], NOW)
    assert [one.experiment.name for one in found] == ["running"]
