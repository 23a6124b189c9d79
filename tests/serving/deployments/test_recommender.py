import asyncio

import pytest

from recsys.experiments.assignment import variant_of
from recsys.experiments.config import ExperimentConfig, VariantConfig
from serving.wire.search import Filters
from serving.wire.writes import SessionRequest
from tests.serving.deployments.replicas import recommending, settings


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return settings(tmp_path_factory.mktemp("recommended"))


def run(chosen, story):
    async def whole():
        async with recommending(chosen) as replica:
            await story(replica)

    asyncio.run(whole())


def test_each_page_says_what_of_it_is_to_be_logged(chosen):
    async def story(replica):
        first = await replica.recommend("person0", 5, None, Filters())
        second = await replica.recommend("person0", 5, first.page.next_cursor, Filters())
        for number, shown in enumerate((first, second)):
            assert [one.post_id for one in shown.exposures] == [
                item.post.post_id for item in shown.page.items
            ]
            places = [one.position for one in shown.exposures]
            assert places == list(range(5 * number, 5 * number + 5))
            assert {one.request_id for one in shown.exposures} == {shown.page.request_id}
            assert {(one.user_id, one.model_version) for one in shown.exposures} == {
                ("person0", "1")
            }
        assert first.page.request_id != second.page.request_id
        ids = [one.exposure_id for shown in (first, second) for one in shown.exposures]
        assert len(set(ids)) == 10

    run(chosen, story)


def test_nothing_is_to_be_logged_where_that_is_switched_off(chosen):
    off = chosen.model_copy(
        update={"serve": chosen.serve.model_copy(update={"log_exposures": False})}
    )

    async def story(replica):
        shown = await replica.recommend("person0", 5, None, Filters())
        assert shown.page.items and shown.page.request_id and not shown.exposures

    run(off, story)


def test_people_are_answered_by_their_variants_and_logged_as_of_them(chosen):
    variants = (
        VariantConfig(name="control"),
        VariantConfig(name="fresh", recommend={"candidates": {"sources": ["fresh"]}}),
        VariantConfig(name="varied", recommend={"diversity": {"per_author": 1}}),
        VariantConfig(name="newer", model="9"),
    )
    experiment = ExperimentConfig(name="sources", variants=variants, shadow=("varied", "newer"))
    with_experiment = chosen.model_copy(update={"experiments": (experiment,)})
    people = [f"person{number}" for number in range(6)]

    async def story(replica):
        asked = [await replica.recommend(one, 4, None, Filters()) for one in people]
        for person, shown in zip(people, asked, strict=True):
            variant = variant_of(person, experiment)
            assert variant is not None
            assert {(one.experiment, one.variant) for one in shown.exposures} == {
                ("sources", variant.name)
            }
            if variant.name == "fresh":
                assert {tuple(item.sources) for item in shown.page.items} == {("fresh",)}
        assert {one.exposures[0].variant for one in asked} == {"control", "fresh"}
        replica._personal.close()
        shadows = [one for person in people for one in replica._events.shadows.of(person)]
        assert {(one.request_id, one.position) for one in shadows} == {
            (one.page.request_id, place) for one in asked for place in range(4)
        }
        assert {one.variant for one in shadows} == {"varied"}, "there is no index of model 9"

    run(with_experiment, story)


def test_sessions_and_people_to_follow(chosen):
    async def story(replica):
        session = await replica.session(SessionRequest(liked=["post/001"], limit=3))
        assert len(session.items) == 3 and session.request_id
        found = await replica.to_follow("person1", 2, None)
        more = await replica.to_follow("person1", 2, found.next_cursor)
        people = [one.user_id for one in (*found.items, *more.items)]
        assert len(set(people)) == 4 and "person1" not in people
        for one in found.items:
            assert one.interest and one.posts[0].user_id == one.user_id
            assert {post.post_id for post in one.posts} >= {one.reasons[0].posts[0]}

    run(chosen, story)
