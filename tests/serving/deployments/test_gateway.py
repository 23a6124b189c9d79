import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from serving.deployments.gateway import Gateway
from serving.remote import Handles
from tests.serving.conftest import LOCAL
from tests.serving.deployments.replicas import Handle, handles, recommending, settings, writing


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    return settings(tmp_path_factory.mktemp("gateway"))


def asked(chosen, story):
    """Run a story against the gateway's application, with replicas behind it."""

    async def whole():
        async with writing(chosen) as writer, recommending(chosen) as recommender:
            behind = Handles(*handles(), Handle(recommender), Handle(writer))
            gateway: Any = SimpleNamespace(_settings=chosen, _handles=behind)
            app = Gateway.__serve_build_asgi_app__(gateway)

            def told():
                with TestClient(app, base_url=LOCAL) as client:
                    story(client, writer._events)

            await asyncio.to_thread(told)

    asyncio.run(whole())


def test_what_was_answered_is_in_the_log_soon_after(chosen):
    def story(client, events):
        first = client.get("/v1/users/person0/recommendations?limit=3").json()
        page = client.get("/people/person1")
        shown = page.text.count('class="card"')
        assert page.status_code == 200 and shown
        written = f'commonspace_exposures_total{{outcome="written"}} {3 + shown}.0'
        deadline = time.monotonic() + 10
        while written not in client.get("/metrics").text:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        logged = events.exposures.of("person0")
        assert {one.request_id for one in logged} == {first["request_id"]}
        assert [one.post_id for one in sorted(logged, key=lambda one: one.position)] == [
            item["post"]["post_id"] for item in first["items"]
        ]
        assert len(events.exposures.of("person1")) == shown

    asked(chosen, story)


def test_what_a_person_keeps_away_is_away_from_the_next_answer(chosen):
    def story(client, events):
        path = "/v1/users/person2/recommendations"
        first = client.get(path).json()["items"][0]["post"]
        for kind, target in (("hidden", first["post_id"]), ("blocked", first["user_id"])):
            assert client.put(f"/v1/users/person2/boundaries/{kind}/{target}").json()["changed"]
        shown = client.get(path, params={"limit": 100}).json()["items"]
        assert shown and first["user_id"] not in {item["post"]["user_id"] for item in shown}
        for people in ("similar", "to-follow"):
            found = client.get(f"/v1/users/person2/{people}").json()["items"]
            assert found and first["user_id"] not in {one["user_id"] for one in found}
        kept = client.get("/v1/users/person2/boundaries").json()
        assert (kept["hidden"], kept["blocked"]) == ([first["post_id"]], [first["user_id"]])

    asked(chosen, story)
