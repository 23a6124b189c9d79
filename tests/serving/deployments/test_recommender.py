import asyncio

import pytest

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
