import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from recsys.config import RecommendConfig
from recsys.experiments.assignment import variant_of
from recsys.experiments.background import ShadowThread
from recsys.experiments.config import ExperimentConfig, check
from recsys.experiments.recommender import ExperimentalRecommender
from recsys.milvus import Vanished
from recsys.recommend import Recommender
from tests.recsys.world import open_events, open_store, publish, small_world, unit_rows
from training.errors import NotFound

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PEOPLE = [f"person{number}" for number in range(6)]


class Breakable(Recommender):
    """The recommender, which fails by some weights of taste."""

    def __init__(self, store, events, config: RecommendConfig, broken=frozenset()) -> None:
        super().__init__(store, events, config)
        self._breaks = config.ranking.taste in broken

    def recommend(self, user_id, k=None, *, where=None, view=None):
        if self._breaks:
            raise ZeroDivisionError
        return super().recommend(user_id, k, where=where, view=view)


@dataclass
class World:
    store: object
    events: object
    broken: set[float] = field(default_factory=set)
    made: list[RecommendConfig] = field(default_factory=list)

    def make(self, config: RecommendConfig) -> Breakable:
        self.made.append(config)
        return Breakable(self.store, self.events, config, self.broken)

    def recommender(self, *experiments, **more) -> ExperimentalRecommender:
        parsed = [ExperimentConfig.parse(one) for one in experiments]
        check(parsed, RecommendConfig())
        base = RecommendConfig.parse(more.pop("base", {}))
        return ExperimentalRecommender(
            self.store, self.make, base, parsed, clock=lambda: NOW, **more
        )

    def plain(self, user_id, view=None, **settings):
        return Recommender(self.store, self.events, RecommendConfig.parse(settings)).recommend(
            user_id, view=view
        )


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("world")
    made = small_world(posts_each=6)
    shown = [post for post in made.posts if not post.private]
    with open_store(tmp_path) as store, open_events(tmp_path) as events:
        events.add_posts(made.posts)
        events.add_reactions(made.reactions)
        for seed, model in enumerate(("1", "2")):
            rows = dict(zip(shown, unit_rows(len(shown), seed=seed), strict=True))
            publish(store, model, rows)
        yield store, events


@pytest.fixture
def world(opened):
    """Tests share store and database; each writes of a person or request of its own."""
    return World(*opened)


def taste(*values, **more):
    variants = [
        {"name": f"t{value}", "recommend": {"ranking": {"taste": value}}} for value in values
    ]
    return {"name": "taste", "variants": variants, **more}


def test_everyone_is_answered_by_their_variant_and_by_nothing_else(world):
    experiment = taste(0.0, 1.0)
    recommender = world.recommender(experiment)
    variants = set()
    for person in PEOPLE:
        answer = recommender.recommend(person)
        variant = variant_of(person, ExperimentConfig.parse(experiment))
        assert (answer.experiment, answer.variant) == ("taste", variant.name)
        assert answer.recommendations == world.plain(person, **variant.recommend)
        variants.add(variant.name)
    assert len(variants) == 2
    assert len(world.made) == 2  # one recommender for each configuration


def test_experiments_of_two_layers_both_shape_an_answer(world):
    authors = {
        "name": "authors",
        "layer": "second",
        "variants": [
            {"name": "one", "recommend": {"diversity": {"per_author": 1}}},
            {"name": "two", "recommend": {"diversity": {"per_author": 2}}},
        ],
    }
    answer = world.recommender(taste(0.0, 1.0), authors).recommend(PEOPLE[0], 5)
    names = {one.experiment.name: one.variant for one in answer.assignments}
    merged = {
        "ranking": names["taste"].recommend["ranking"],
        "diversity": names["authors"].recommend["diversity"],
    }
    assert answer.recommendations == world.plain(PEOPLE[0], k=5, **merged)
    rows = answer.exposures(request_id="r", now=NOW)
    assert {(row.experiment, row.variant) for row in rows} == {
        (name, variant.name) for name, variant in names.items()
    }
    assert world.events.exposures.add(rows) == 10


def test_who_is_in_no_experiment_is_answered_by_the_product_and_logged_without(world):
    over = taste(0.0, 1.0, end="2026-11-01T00:00:00Z")
    answer = world.recommender(over).recommend(PEOPLE[0])
    assert (answer.experiment, answer.variant, answer.assignments) == (None, None, ())
    assert answer.recommendations == world.plain(PEOPLE[0])
    rows = answer.exposures(request_id="r", now=NOW)
    assert [row.experiment for row in rows] == [None] * len(answer.recommendations)


def test_what_was_shown_is_logged_as_it_was_and_once(world):
    answer = world.recommender(taste(0.0, 1.0)).recommend(PEOPLE[1], 6)
    page = answer.exposures(2, 3, request_id="first", now=NOW)
    shown = list(answer.recommendations)[2:5]
    assert [(row.position, row.post_id, row.score) for row in page] == [
        (position, one.post_id, one.score) for position, one in enumerate(shown, start=2)
    ]
    assert {(row.k, row.model_version, row.user_id) for row in page} == {(6, "2", PEOPLE[1])}
    assert world.events.exposures.add(page) == 3
    assert world.events.exposures.add(answer.exposures(2, 3, request_id="first", now=NOW)) == 0
    assert sorted(world.events.exposures.of(PEOPLE[1]), key=lambda row: row.position) == page
    assert world.events.exposures.add(answer.exposures(0, 2, request_id="second", now=NOW)) == 2
    assert answer.exposures(6, 3, request_id="first", now=NOW) == []


def test_shadows_are_what_their_variant_would_have_answered(world):
    recommender = world.recommender(taste(0.0, 1.0, shadow=["t1.0"]))
    answer = recommender.recommend(PEOPLE[0], 5)
    assert (answer.variant, recommender.counts) == ("t0.0", {})
    rows = answer.shadows(1, 3, request_id="r", now=NOW)
    beside = list(world.plain(PEOPLE[0], k=5, ranking={"taste": 1.0}))
    assert [(row.position, row.post_id) for row in rows] == [
        (position, beside[position].post_id) for position in (1, 2, 3)
    ]
    assert {(row.experiment, row.variant) for row in rows} == {("taste", "t1.0")}
    assert world.events.shadows.add(rows) == 3
    assert recommender.counts == {("taste", "t1.0", "shadowed"): 1}


def test_a_shadow_draws_independently_of_what_was_shown(world):
    """Else what both draw would be taken for what the shadow likes."""
    same = {"name": "same", "variants": [{"name": "a"}, {"name": "b"}], "shadow": ["b"]}
    drawing = {"exploration": {"share": 0.5, "newer_than_days": 10_000}}
    recommender = world.recommender(same, base=drawing)
    lists = []
    for person in PEOPLE:
        answer = recommender.recommend(person)
        beside = answer.shadows(request_id="r", now=NOW)
        lists.append([[one.post_id for one in rows] for rows in (answer.recommendations, beside)])
        assert answer.recommendations == world.plain(person, **drawing)
        assert len(beside) == len(answer.recommendations)
    assert any(shown != shadow for shown, shadow in lists)


def test_a_shadow_that_fails_is_counted_and_leaves_the_answer_alone(world):
    recommender = world.recommender(taste(0.0, 0.3, 1.0, shadow=["t0.3", "t1.0"]))
    world.broken.add(0.3)
    answer = recommender.recommend(PEOPLE[0])
    assert answer.recommendations == world.plain(PEOPLE[0], ranking={"taste": 0.0})
    rows = answer.shadows(request_id="r", now=NOW)
    assert {row.variant for row in rows} == {"t1.0"}
    assert recommender.counts["taste", "t0.3", "failed"] == 1


def test_a_person_who_is_unknown_is_an_error_as_without_experiments(world):
    with pytest.raises(NotFound, match="no person"):
        world.recommender(taste(0.0, 1.0)).recommend("nobody")


def models(*versions, **more):
    variants = [{"name": f"m{version}", "model": version} for version in versions]
    return {"name": "models", "variants": variants, **more}


def test_a_variant_of_another_model_answers_from_that_models_index(world):
    recommender = world.recommender(
        models("old", "2"), version_of=lambda model: {"old": "1"}.get(model, model)
    )
    found = {recommender.recommend(person).variant: person for person in PEOPLE}
    views = {f"m{version.model}": world.store.open(version) for version in world.store.versions()}
    for variant, view in (("mold", views["m1"]), ("m2", views["m2"])):
        answer = recommender.recommend(found[variant])
        assert answer.recommendations == world.plain(found[variant], view)
        assert answer.exposures(request_id="r", now=NOW)[0].model_version == view.version.model


def test_a_given_view_is_kept_to_by_variants_of_no_model(world):
    old = world.store.open(world.store.versions()[1])
    answer = world.recommender(taste(0.5, 0.5001)).recommend(PEOPLE[0], view=old)
    assert answer.recommendations.model_version == "1"


def test_while_a_models_index_is_missing_its_people_are_not_in_the_experiment(world):
    recommender = world.recommender(models("2", "9"))
    by_variant = {}
    for person in PEOPLE:
        variant = variant_of(person, ExperimentConfig.parse(models("2", "9"))).name
        by_variant.setdefault(variant, recommender.recommend(person))
    assert by_variant["m2"].variant == "m2"
    assert (by_variant["m9"].experiment, len(by_variant["m9"].recommendations)) == (None, 10)
    assert recommender.counts["models", "m9", "unserved"] >= 1


def test_an_index_that_was_dropped_meanwhile_is_looked_for_anew(world):
    recommender = world.recommender(
        models("2", "2", "1")
        | {"variants": [{"name": "a", "model": "2"}, {"name": "b", "model": "2", "weight": 2}]}
    )
    calls = []
    real_make = recommender._make

    def make(config):
        inner = real_make(config)
        ask = inner.recommend

        def once(*arguments, **more):
            calls.append(1)
            if len(calls) == 1:
                raise Vanished("dropped")
            return ask(*arguments, **more)

        inner.recommend = once
        return inner

    recommender._make = make
    assert len(recommender.recommend(PEOPLE[0]).recommendations) == 10
    assert len(calls) == 2


class Slow:
    """An answer whose shadows wait until they are let go."""

    def __init__(self) -> None:
        self.go, self.begun = threading.Event(), threading.Event()

    def shadows(self, start=0, count=None, *, request_id, now):
        self.begun.set()
        assert self.go.wait(20)
        return [request_id]


def test_slow_shadows_are_dropped_and_nobody_waits():
    written, answer = [], Slow()
    thread = ShadowThread(written.extend, waiting=2)
    assert thread.submit(answer, request_id="0", now=NOW)
    assert answer.begun.wait(20)
    taken = [thread.submit(answer, request_id=str(n), now=NOW) for n in range(1, 5)]
    assert taken == [True, True, False, False]
    answer.go.set()
    thread.close()
    assert (written, thread.written, thread.dropped) == (["0", "1", "2"], 3, 2)


def test_a_database_that_fails_costs_the_shadows_and_not_the_thread():
    answer, written = Slow(), []
    answer.go.set()

    def write(rows):
        if rows == ["0"]:
            raise OSError("disk full")
        written.extend(rows)

    thread = ShadowThread(write)
    for number in range(2):
        thread.submit(answer, request_id=str(number), now=NOW)
    thread.close()
    assert (written, thread.failed) == (["1"], 1)
