import base64

import pytest
from fastapi import APIRouter
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from serving.api.application import create_app
from serving.security.guard import Guard
from serving.wire.answers import PostView
from tests.serving.conftest import LOCAL
from tests.serving.local_backend import picture

POST = {"user_id": "author", "text": "A bird. It sings.", "tags": ["bird"]}


@pytest.fixture(scope="module")
def written(client):
    """Posts whose ids look like paths."""
    ids = ("deep/er/id", "ends/related", "ends/image", "ends/related/image", "a:b@c/d_e-f.g")
    image = base64.b64encode(picture("WEBP")).decode()
    for post_id in ids:
        path = "/v1/posts/" + post_id.replace("/", "%2F")
        assert client.put(path, json=POST | {"image": image}).status_code == 201
    return ids


def test_slashes_of_an_id_may_be_raw_or_encoded(client, written):
    for path in ("deep/er/id", "deep%2Fer%2Fid", "deep%2fer/id"):
        assert client.get(f"/v1/posts/{path}").json()["post_id"] == "deep/er/id"
    for path in ("post/001", "post%2F001"):
        raw = client.get(f"/v1/posts/{path}/related").json()
        assert raw["items"] and raw["items"][0]["id"] != "post/001"


def test_encoded_slashes_never_part_a_path(client, written):
    for post_id in written:
        encoded = post_id.replace("/", "%2F")
        assert client.get(f"/v1/posts/{encoded}").json()["post_id"] == post_id
        assert client.get(f"/v1/posts/{encoded}/image").content == picture("WEBP")
    assert client.get("/v1/posts/ends/image").status_code == 404, "there is no post `ends`"


def test_a_raw_path_that_ends_like_the_api_is_the_apis(client):
    assert client.put("/v1/posts/x/related", json=POST).status_code == 405
    assert client.delete("/v1/users/x/similar").status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/posts/a/b", "DELETE, GET, PUT"),
        ("POST", "/v1/posts/a/related", "GET"),
        ("GET", "/v1/search", "POST"),
        ("PUT", "/v1/users", "GET"),
        ("GET", "/v1/users/a", "DELETE, PUT"),
        ("DELETE", "/v1/users/a/boundaries", "GET"),
        ("POST", "/v1/users/a/boundaries/hidden/b/c", "DELETE, PUT"),
        ("DELETE", "/v1/users/a/to-follow", "GET"),
        ("DELETE", "/healthz", "GET"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(client, method, path, allowed):
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


def test_writing_answers_created_then_replaced(client):
    first = client.put("/v1/posts/twice", json=POST)
    again = client.put("/v1/posts/twice", json=POST | {"text": "Two birds. They sing."})
    assert (first.status_code, again.status_code) == (201, 200)
    assert client.get("/v1/posts/twice").json()["title"] == "Two birds"
    PostView.model_validate(client.get("/v1/posts/twice").json())


def test_a_private_post_is_in_no_answer(client):
    assert client.put("/v1/posts/secret", json=POST | {"private": True}).status_code == 201
    assert client.get("/v1/posts/secret").status_code == 404
    ids = [post["post_id"] for post in client.get("/v1/users/author/posts").json()["items"]]
    assert ids and "secret" not in ids


def test_another_persons_post_can_not_be_taken(client):
    client.put("/v1/posts/mine", json=POST)
    answer = client.put("/v1/posts/mine", json=POST | {"user_id": "thief"})
    assert answer.status_code == 409 and "another person" in answer.json()["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/users/person0/recommendations?limit=2",
        "/v1/users/person0/similar?limit=2",
        "/v1/users/person0/to-follow?limit=2",
        "/v1/users/person0/boundaries",
        "/v1/users/person0/posts",
        "/v1/posts/post/001/related?limit=2",
        "/v1/posts/post/001",
        "/v1/posts/deep/er/id/image",
    ],
)
def test_what_a_client_has_is_not_sent_again(client, written, path):
    first = client.get(path)
    etag = first.headers["etag"]
    assert "private" in first.headers["cache-control"]
    for tags in (etag, f'"other", {etag}', "*", etag.removeprefix("W/")):
        again = client.get(path, headers={"if-none-match": tags})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    other = client.get(path, headers={"if-none-match": '"other"'})
    if "request_id" in first.text:  # which is another one each time
        assert other.json() | {"request_id": ""} == first.json() | {"request_id": ""}
    else:
        assert other.content == first.content


def test_a_picture_can_not_run_anything(client, written):
    headers = client.get("/v1/posts/deep/er/id/image").headers
    assert headers["content-type"] == "image/webp"
    assert headers["content-disposition"] == "inline"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["x-content-type-options"] == "nosniff"


def test_boundaries_are_set_kept_and_taken_back(client):
    path = "/v1/users/person3/boundaries"
    posts = [one["post"] for one in client.get("/v1/users/person3/recommendations").json()["items"]]
    hidden, author = posts[0]["post_id"], posts[1]["user_id"]
    changes = (
        ("hidden", hidden, "hidden"),
        ("muted_author", author, "muted_authors"),
        ("muted_tag", "corner1", "muted_tags"),
        ("blocked", "person0", "blocked"),
    )
    for kind, target, name in changes:
        one = f"{path}/{kind}/{target}"
        for changed in (True, False):  # idempotent
            assert client.put(one).json() == {"kind": kind, "target": target, "changed": changed}
        assert client.get(path).json()[name] == [target]
    shown = client.get("/v1/users/person3/recommendations?limit=100").json()["items"]
    assert shown and all(one["post"]["post_id"] != hidden for one in shown)
    assert not {one["post"]["user_id"] for one in shown} & {author, "person0"}
    assert not any("corner1" in one["post"]["tags"] for one in shown)
    for who, other in (("person3", "person0"), ("person0", "person3")):
        for people in ("similar", "to-follow"):
            found = client.get(f"/v1/users/{who}/{people}?limit=100").json()["items"]
            assert found and other not in {one["user_id"] for one in found}
    assert client.get("/v1/users/person0/boundaries").json()["blocked"] == []
    for kind, target, _ in changes:
        one = f"{path}/{kind}/{target.replace('/', '%2F')}"
        assert [client.delete(one).json()["changed"] for _ in range(2)] == [True, False]
    assert not any(client.get(path).json().values())


def test_people_to_follow_come_with_the_posts_that_bind_them(client):
    found = client.get("/v1/users/person2/to-follow?limit=3").json()["items"]
    assert found
    for one in found:
        ids = [post["post_id"] for post in one["posts"]]
        assert len(ids) == len(set(ids)) <= 4
        assert {post["user_id"] for post in one["posts"]} == {one["user_id"]}
        pair = next(reason for reason in one["reasons"] if reason["kind"] == "pair")
        assert pair["posts"][0] == ids[0], "the post that binds them comes first"
    followed = found[0]["posts"][0]["post_id"]
    body = {"reactions": [{"user_id": "person2", "post_id": followed, "kind": "follow"}]}
    assert client.post("/v1/reactions", json=body).json()["recorded"] == 1
    left = client.get("/v1/users/person2/to-follow?limit=100").json()["items"]
    assert found[0]["user_id"] not in {one["user_id"] for one in left}


def test_a_profile_makes_a_person_known(client):
    body = {"profile": "I draw birds."}
    first, again = (client.put("/v1/users/new/comer", json=body).json() for _ in range(2))
    assert (first["created"], again["created"]) == (True, False)
    found = client.get("/v1/users/new/comer/recommendations").json()
    assert found["fallback"] and found["items"]
    assert client.delete("/v1/users/new/comer").status_code == 200
    assert client.put("/v1/users/new/comer", json=body).status_code == 410


def test_recommendations_tell_what_a_log_needs(client):
    first, again = (client.get("/v1/users/person4/recommendations").json() for _ in range(2))
    assert first["request_id"] != again["request_id"]
    ids = [[one["post"]["post_id"] for one in found["items"]] for found in (first, again)]
    assert ids[0] == ids[1]
    for one in first["items"]:
        assert 0 < one["propensity"] <= 1 and one["explored"] in (True, False)


def test_filters_in_the_query_hold(client):
    path = "/v1/users/person0/recommendations"
    query = {
        "author": ["person1", "person2"],
        "created_after": "2026-01-01T10:00:00Z",
        "created_before": "2026-01-01T20:00:00+02:00",
    }
    items = client.get(path, params=query).json()["items"]
    assert items
    for item in items:
        assert item["post"]["user_id"] in query["author"]
        assert "2026-01-01T10:00:00Z" <= item["post"]["created_at"] <= "2026-01-01T18:00:00Z"
    assert client.get(path, params={"language": "xx"}).json()["items"] == []


def test_tags_in_the_query_hold(client):
    path = "/v1/users/person0/recommendations"
    query = {"tag": ["corner1", "corner2"], "not_tag": ["corner2", "nothing"]}
    items = client.get(path, params=query).json()["items"]
    assert items
    assert all("corner1" in item["post"]["tags"] for item in items)
    others = client.get(path, params={"not_tag": "all"}).json()["items"]
    assert not any("all" in item["post"]["tags"] for item in others)
    assert client.get(path, params={"category": "animals"}).json()["items"] == []
    body = {"query": [{"user_id": "person0"}], "filters": {"tags": ["corner2"]}}
    found = client.post("/v1/search", json=body).json()["items"]
    assert found and all("corner2" in item["post"]["tags"] for item in found)


def test_pictures_come_as_json_or_as_a_form(client):
    images = [picture(), picture("JPEG")]
    body = {"images": [base64.b64encode(one).decode() for one in images]}
    form = [("images", (f"{place}.bin", one)) for place, one in enumerate(images)]
    path = "/v1/embeddings/images"
    assert client.post(path, json=body).json() == client.post(path, files=form).json()


def test_readiness_tells_each_part(client, backend):
    assert client.get("/readyz").json()["parts"][0]["name"] == "recommender"
    backend.ready = False
    try:
        answer = client.get("/readyz")
        assert answer.status_code == 503 and answer.json()["ready"] is False
        assert answer.headers["retry-after"]
        assert answer.headers["content-type"] == "application/json"
    finally:
        backend.ready = True


def test_the_document_is_served_and_no_page_of_a_cdn_is(client):
    assert client.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert client.get("/docs").status_code == client.get("/redoc").status_code == 404


def test_a_page_for_every_path_does_not_answer_for_the_api(backend):
    web = APIRouter()

    @web.get("/{path:path}")
    async def page(path: str) -> PlainTextResponse:
        return PlainTextResponse(f"no page {path}", 404)

    client = TestClient(create_app(backend, Guard(None), web=web), base_url=LOCAL)
    assert client.get("/nope").text == "no page nope"
    wrong = client.get("/v1/search")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert client.patch("/v1/posts/a/b").headers["allow"] == "DELETE, GET, PUT"
    assert client.post("/nope").headers["allow"] == "GET"
    unknown = client.get("/v1/nope")
    assert unknown.headers["content-type"] == "application/problem+json"
    assert unknown.json()["status"] == 404
    assert "/{path}" not in client.get("/openapi.json").json()["paths"]
