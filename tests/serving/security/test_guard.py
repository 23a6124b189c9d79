import pytest
from starlette.testclient import TestClient

from serving.api.application import create_app
from serving.security.config import SecurityConfig
from serving.security.guard import COOKIE, Guard
from serving.security.keys import Scope
from tests.serving.conftest import LOCAL

READ, WRITE, ADMIN = Scope.READ, Scope.WRITE, Scope.ADMIN


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def serve(backend, keys, clock):
    def serve(**settings):
        guard = Guard(keys, SecurityConfig(**settings), clock)
        return TestClient(create_app(backend, guard), base_url=LOCAL)

    return serve


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "headers",
    [bearer("{}"), {"authorization": "bEARER {}"}, {"X-API-Key": "{}"}, {"cookie": COOKIE + "={}"}],
)
def test_a_key_may_come_in_three_ways(serve, reader, headers):
    sent = {name: value.format(reader) for name, value in headers.items()}
    assert serve().get("/v1/users", headers=sent).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("cs_"),
        bearer("cs_abcdefghijkl_" + "A" * 43),
        {"Authorization": "Basic Og=="},
        {"X-API-Key": "' or 1=1 --"},
        {"cookie": f"{COOKIE}=x"},
    ],
)
def test_no_key_and_wrong_keys_are_refused(serve, headers):
    answer = serve().get("/v1/users", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["type"] == "urn:commonspace:problem:refused"


def test_a_right_id_with_a_wrong_secret_is_refused_like_an_unknown_id(serve, reader):
    client = serve()
    wrong = reader[:-4] + "AAAA"
    unknown = "cs_abcdefghijkl_" + "A" * 43
    bodies = [client.get("/v1/users", headers=bearer(key)).json() for key in (wrong, unknown)]
    assert {body.pop("request_id") is None for body in bodies} == {False}
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("scopes", "read", "write", "admin"),
    [
        ([READ], 200, 403, 403),
        ([WRITE], 403, 404, 403),
        ([READ, WRITE], 200, 404, 403),
        ([ADMIN], 200, 404, 404),
    ],
)
def test_scopes_hold(serve, keys, scopes, read, write, admin):
    client = serve()
    headers = bearer(keys.create("x", scopes)[1])
    assert client.get("/v1/users", headers=headers).status_code == read
    assert client.delete("/v1/posts/none", headers=headers).status_code == write
    assert client.delete("/v1/users/none", headers=headers).status_code == admin
    assert client.get("/metrics", headers=headers).status_code == read


def test_health_needs_no_key_and_metrics_do(serve):
    assert serve().get("/healthz").status_code == 200
    assert serve().get("/readyz").status_code == 200
    assert serve().get("/metrics").status_code == 401


def test_a_revoked_key_is_refused_once_it_is_forgotten(serve, keys, clock):
    client = serve(keys_cached_s=5)
    key, sent = keys.create("x", [READ])
    assert client.get("/v1/users", headers=bearer(sent)).status_code == 200
    keys.revoke(key.key_id)
    clock.now = 4.9
    assert client.get("/v1/users", headers=bearer(sent)).status_code == 200
    clock.now = 5.1
    assert client.get("/v1/users", headers=bearer(sent)).status_code == 401


def test_a_key_has_a_budget_of_its_own(serve, keys):
    client = serve(rate="3/hour")
    first, second = (bearer(keys.create(name, [READ])[1]) for name in "ab")
    answers = [client.get("/v1/users?limit=1", headers=first) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert answers[0].headers["ratelimit-policy"] == '"key";q=3;w=3600'
    assert answers[0].headers["ratelimit"].startswith('"key";r=2;t=')
    assert 1 <= int(answers[3].headers["retry-after"]) <= 3600
    assert answers[3].json()["type"] == "urn:commonspace:problem:too-many"
    assert client.get("/v1/users", headers=second).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_guessing_ends_soon_and_known_keys_behind_the_address_go_on(serve, reader):
    client = serve(failures="3/hour")
    assert client.get("/v1/users", headers=bearer(reader)).status_code == 200
    guesses = [bearer(f"cs_abcdefghijk{number}_" + "A" * 43) for number in range(6)]
    found = [client.get("/v1/users", headers=one) for one in guesses]
    assert [one.status_code for one in found] == [401, 401, 401, 429, 429, 429]
    assert int(found[-1].headers["retry-after"]) >= 1
    assert client.get("/v1/users", headers=bearer(reader)).status_code == 200
    wrong = bearer(reader[:-4] + "AAAA")
    assert client.get("/v1/users", headers=wrong).status_code == 429


def test_forwarded_addresses_count_only_behind_a_trusted_proxy(serve):
    def guess(client, address):
        return client.get("/v1/users", headers={**bearer("x"), "x-forwarded-for": address})

    direct = serve(failures="1/hour")
    assert [guess(direct, f"10.0.0.{n}").status_code for n in range(3)] == [401, 429, 429]
    proxied = serve(failures="1/hour", trusted_proxies=["testclient", "10.9.9.9"])
    assert guess(proxied, "1.2.3.4, 10.0.0.1, 10.9.9.9").status_code == 401
    assert guess(proxied, "4.3.2.1, 10.0.0.1").status_code == 429
    assert guess(proxied, "10.0.0.1, 10.0.0.2").status_code == 401


def test_development_mode_lets_everyone_on_this_machine_do_all(client):
    assert client.get("/v1/users").status_code == 200
    assert client.delete("/v1/users/nobody").status_code == 404


def test_keys_are_in_no_log(serve, reader, caplog):
    caplog.set_level("INFO", "commonspace")
    serve().get("/v1/users?prefix=person1", headers=bearer(reader))
    assert "commonspace.access" in {record.name for record in caplog.records}
    text = "".join(r.getMessage() for r in caplog.records if r.name.startswith("commonspace"))
    assert reader.split("_", 2)[2] not in text and "person1" not in text
    assert reader.split("_")[1] in text
