import pytest
from starlette.testclient import TestClient

from serving.api.application import create_app
from serving.security.config import SecurityConfig
from serving.security.guard import COOKIE, Guard
from serving.security.keys import Scope
from tests.serving.conftest import LOCAL
from training.errors import BadConfig

SEARCH = {"query": [{"text": "bird"}], "limit": 1}
SITE = "https://friends.example"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST", "localhost."],
)
def test_development_mode_answers_the_loopback(client, host):
    assert client.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "",
        "[::1",
        "evil@localhost",
    ],
)
def test_development_mode_answers_no_other_name(client, host):
    answer = client.get("/healthz", headers={"host": host})
    assert answer.status_code == 403 and answer.json()["hint"]


def test_with_keys_any_name_is_answered(backend, keys):
    client = TestClient(create_app(backend, Guard(keys)), base_url="https://api.example")
    assert client.get("/healthz").status_code == 200


def test_a_name_can_be_allowed_in_development_mode(backend):
    guard = Guard(None, SecurityConfig(hosts=("box.local",)))
    client = TestClient(create_app(backend, guard), base_url=LOCAL)
    assert client.get("/healthz", headers={"host": "box.local:8000"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"origin": "http://["},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": LOCAL, "sec-fetch-site": "cross-site"},
    ],
)
def test_other_sites_can_not_write(client, headers):
    assert client.post("/v1/search", json=SEARCH, headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"origin": LOCAL}, {"origin": LOCAL, "sec-fetch-site": "same-origin"}],
)
def test_the_page_and_programs_can(client, headers):
    assert client.post("/v1/search", json=SEARCH, headers=headers).status_code == 200


def test_a_cookie_does_not_work_from_another_site(backend, keys):
    client = TestClient(create_app(backend, Guard(keys)), base_url=LOCAL)
    cookie = {"cookie": f"{COOKIE}={keys.create('page', [Scope.ADMIN])[1]}"}
    evil = cookie | {"origin": "https://evil.example"}
    assert client.delete("/v1/posts/none", headers=evil).status_code == 403
    assert client.delete("/v1/posts/none", headers=cookie | {"origin": LOCAL}).status_code == 404


def test_cross_origin_reading_is_closed_unless_a_site_is_named(backend, client):
    preflight = {"origin": SITE, "access-control-request-method": "POST"}
    assert client.options("/v1/search", headers=preflight).status_code == 405
    assert "access-control-allow-origin" not in client.get("/healthz", headers=preflight).headers
    guard = Guard(None, SecurityConfig(cors_origins=(SITE,)))
    friendly = TestClient(create_app(backend, guard), base_url=LOCAL)
    allowed = friendly.options("/v1/search", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == SITE
    assert "access-control-allow-credentials" not in allowed.headers
    site = {"origin": SITE, "sec-fetch-site": "cross-site"}
    assert friendly.post("/v1/search", json=SEARCH, headers=site).status_code == 200
    other = {"origin": "https://other.example"}
    assert friendly.post("/v1/search", json=SEARCH, headers=other).status_code == 403
    refused = friendly.options("/v1/search", headers=preflight | other)
    assert (refused.status_code, refused.json()["detail"]) == (400, "Disallowed CORS origin")
    assert "access-control-allow-origin" not in refused.headers


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "example.org", "https://a.example/x", "ftp://a"]
)
def test_only_exact_origins_can_be_named(origin):
    with pytest.raises(BadConfig):
        SecurityConfig.parse({"cors_origins": [origin]})


def test_rates_are_checked_when_they_are_set():
    with pytest.raises(BadConfig, match="600/minute"):
        SecurityConfig.parse({"rate": "often"})
