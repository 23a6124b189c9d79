import json
import logging

import pytest
from starlette.testclient import TestClient

from serving.api.application import create_app
from serving.security.guard import Guard
from tests.serving.conftest import LOCAL
from training.errors import Unavailable


class Faulty:
    """A backend all of whose answers are this error."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        async def fail(*_):
            raise self._error

        return fail


def faulty(error, keys=None):
    return TestClient(create_app(Faulty(error), Guard(keys)), base_url=LOCAL)


def access(caplog):
    return [json.loads(one.message) for one in caplog.records if one.name == "commonspace.access"]


def test_a_request_keeps_its_id(client, caplog):
    caplog.set_level(logging.INFO, "commonspace.access")
    answer = client.get("/v1/posts/none", headers={"x-request-id": "my-id_1"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "my-id_1"
    assert access(caplog)[-1]["request_id"] == "my-id_1"


@pytest.mark.parametrize("asked", ["", "a" * 65, "a b", "a\tb", '{"x":1}', "../x", "é"])
def test_a_strange_id_is_replaced(client, asked):
    got = client.get("/healthz", headers={"x-request-id": asked.encode()}).headers["x-request-id"]
    assert got != asked and len(got) == 24


def test_the_log_names_the_route_and_nothing_of_people(client, caplog):
    caplog.set_level(logging.INFO, "commonspace.access")
    client.get("/v1/users/person0/recommendations?limit=1&author=person1")
    client.post("/v1/search", json={"query": [{"text": "my secret"}]})
    client.get("/nowhere/person0")
    lines = access(caplog)[-3:]
    assert [line["route"] for line in lines] == [
        "/v1/users/{user_id}/recommendations",
        "/v1/search",
        "none",
    ]
    assert [line["status"] for line in lines] == [200, 200, 404]
    assert set(lines[0]) == {"method", "route", "status", "milliseconds", "request_id", "key_id"}
    assert not any(word in json.dumps(lines) for word in ("person", "secret", "limit"))


def test_metrics_count_by_route_and_never_by_id(client):
    client.get("/v1/posts/post/001")
    client.get("/v1/posts/post/none")
    client.request("BREW", "/healthz")
    page = client.get("/metrics").text
    name = 'commonspace_http_requests_total{method="GET",route="/v1/posts/{post_id}"'
    assert f'{name},status="200"}}' in page and f'{name},status="404"}}' in page
    assert 'method="OTHER",route="/healthz",status="405"' in page
    assert "commonspace_http_request_seconds_bucket" in page
    assert "post/001" not in page and "BREW" not in page


def test_an_unexpected_error_is_logged_and_not_told(caplog):
    answer = faulty(RuntimeError("password is hunter2")).get("/v1/users")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text and answer.json()["request_id"]
    (logged,) = [one for one in caplog.records if one.name == "commonspace.errors"]
    assert answer.json()["request_id"] in logged.getMessage()
    assert logged.exc_info and "hunter2" in str(logged.exc_info[1])


def test_a_busy_part_is_told_when_to_come_again(keys, reader):
    error = Unavailable("no answer from postgres://db.internal", hint="start it")
    frank = faulty(error).get("/v1/users")
    shut = faulty(error, keys).get("/v1/users", headers={"x-api-key": reader})
    for answer in (frank, shut):
        assert answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1
    assert "postgres" in frank.text and "postgres" not in shut.text
    assert shut.json()["hint"]
