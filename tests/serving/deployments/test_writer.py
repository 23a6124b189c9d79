import asyncio
from datetime import UTC, datetime

import pytest

from recsys.config import RecommendConfig
from recsys.events.exposures import Exposure
from recsys.recommend import Recommender
from recsys.versions import Target
from serving.calls import Failed
from serving.wire.people import BoundaryName, UserWrite
from tests.serving.deployments.replicas import SPACE, Method, nobody, settings, writing
from training.errors import Gone, NotFound

PROFILE = UserWrite(profile="I draw birds.")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return settings(tmp_path_factory.mktemp("written"))


def run(chosen, story):
    async def whole():
        async with writing(chosen) as replica:
            await story(replica)

    asyncio.run(whole())


def test_a_newcomer_is_placed_by_their_profile_and_no_one_else_is(chosen):
    def place(replica, user_id):
        return replica._store.live().fetch(Target.USERS, [user_id]).get(user_id)

    async def story(replica):
        assert (await replica.put_user("new/comer", PROFILE)).created
        found = place(replica, "new/comer")
        assert found == pytest.approx(SPACE.encode_text(["I draw birds."])[0], abs=1e-5)
        recommender = Recommender(replica._store, replica._events, RecommendConfig(reactions=None))
        first = recommender.recommend("new/comer", 5)
        assert len(first) == 5 and not first.fallback
        again = await replica.put_user("new/comer", UserWrite(profile="I draw boats."))
        assert not again.created
        assert place(replica, "new/comer") != pytest.approx(found, abs=1e-2)
        before = place(replica, "person0")
        assert not (await replica.put_user("person0", PROFILE)).created
        assert place(replica, "person0") == pytest.approx(before), "their posts say more"
        replica._user.people = Method(nobody)
        assert (await replica.put_user("another", PROFILE)).created
        assert place(replica, "another") is None
        await replica.delete_user("new/comer")
        refused = await replica.put_user("new/comer", PROFILE)
        assert isinstance(refused, Failed) and isinstance(refused.error, Gone)
        assert place(replica, "new/comer") is None

    run(chosen, story)


def test_boundaries_are_set_and_taken_back_once(chosen):
    kinds: list[tuple[BoundaryName, str]] = [("hidden", "post/001"), ("muted_tag", "all")]

    async def story(replica):
        for kind, target in kinds:
            for do in (replica.put_boundary, replica.delete_boundary):
                assert [(await do("person1", kind, target)).changed for _ in "ab"] == [True, False]
        refused = await replica.put_boundary("persn1", "muted_tag", "all")
        assert isinstance(refused, Failed) and isinstance(refused.error, NotFound)

    run(chosen, story)


def test_exposures_are_written_once_and_not_of_the_deleted(chosen):
    def shown(place: int, post_id: str) -> Exposure:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        return Exposure(
            *(f"x{place}", "r", "person2", post_id, place, 9, 0.5, 1.0, False, None, None, "1"),
            sources=("fresh",),
            shown_at=now,
        )

    async def story(replica):
        await replica.delete_post("post/010")
        batch = [shown(0, "post/002"), shown(1, "post/010")]
        assert await replica.log_exposures(batch) == 1
        assert await replica.log_exposures(batch) == 0
        assert [one.post_id for one in replica._events.exposures.of("person2")] == ["post/002"]

    run(chosen, story)
