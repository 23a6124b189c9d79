"""Hostile input through the real application: always a 4xx that says what is wrong."""

import base64
import gzip
from urllib.parse import quote

import pytest

from serving.wire.operations import Problem
from tests.serving.api.hostile import BODIES, INJECTIONS, PICTURES, TEXTS, TRAVERSALS
from tests.serving.local_backend import picture

POST = {"user_id": "someone", "text": "A text."}
PICTURE_PLACES = {
    "body.images.1": (
        "POST",
        "/v1/embeddings/images",
        lambda image: {"images": [_base64(picture()), image]},
    ),
    "body.users.0.posts.0.image": (
        "POST",
        "/v1/embeddings/users",
        lambda image: {"users": [{"posts": [{"image": image}]}]},
    ),
    "body.query.0.image": ("POST", "/v1/search", lambda image: {"query": [{"image": image}]}),
    "body.image": ("PUT", "/v1/posts/x", lambda image: {"user_id": "someone", "image": image}),
}
TEXT_PLACES = {
    "body.texts.0": ("POST", "/v1/embeddings/texts", lambda text: {"texts": [text]}),
    "body.users.0.posts.0": (
        "POST",
        "/v1/embeddings/users",
        lambda text: {"users": [{"posts": [{"text": text}]}]},
    ),
    "body.query.0": ("POST", "/v1/search", lambda text: {"query": [{"text": text}]}),
    "body": ("PUT", "/v1/posts/x", lambda text: {"user_id": "someone", "text": text}),
    "body.profile": ("PUT", "/v1/users/someone", lambda text: {"profile": text}),
}
ID_PLACES = {
    "body.query.0.user_id": ("/v1/search", lambda id: {"query": [{"user_id": id}]}),
    "body.query.0.post_id": ("/v1/search", lambda id: {"query": [{"post_id": id}]}),
    "body.filters.authors.0": ("/v1/search", lambda id: _search(filters={"authors": [id]})),
    "body.filters.not_authors.0": ("/v1/search", lambda id: _search(filters={"not_authors": [id]})),
    "body.filters.languages.0": ("/v1/search", lambda id: _search(filters={"languages": [id]})),
    "body.cursor": ("/v1/search", lambda id: _search(cursor=id)),
    "body.liked.0": ("/v1/sessions/recommendations", lambda id: {"liked": [id]}),
    "body.seen.0": (
        "/v1/sessions/recommendations",
        lambda id: {"liked": ["post/001"], "seen": [id]},
    ),
    "body.reactions.0.user_id": ("/v1/reactions", lambda id: _reaction(user_id=id)),
    "body.reactions.0.post_id": ("/v1/reactions", lambda id: _reaction(post_id=id)),
    "body.reactions.0.kind": ("/v1/reactions", lambda id: _reaction(kind=id)),
    "body.reactions.0.key": ("/v1/reactions", lambda id: _reaction(key=id)),
    "body.users.0.user_id": ("/v1/embeddings/users", lambda id: {"users": [{"user_id": id}]}),
}
ID_PATHS = (
    ("GET", "/v1/users/{}/recommendations"),
    ("GET", "/v1/users/{}/similar"),
    ("GET", "/v1/users/{}/posts"),
    ("GET", "/v1/users/{}/to-follow"),
    ("GET", "/v1/users/{}/boundaries"),
    ("PUT", "/v1/users/{}/boundaries/muted_tag/all"),
    ("PUT", "/v1/users/{}"),
    ("DELETE", "/v1/users/{}"),
    ("GET", "/v1/posts/{}"),
    ("GET", "/v1/posts/{}/related"),
    ("GET", "/v1/posts/{}/image"),
    ("PUT", "/v1/posts/{}"),
    ("DELETE", "/v1/posts/{}"),
)
TARGET_PATHS = (
    ("PUT", "/v1/users/person0/boundaries/muted_author/{}"),
    ("DELETE", "/v1/users/person0/boundaries/hidden/{}"),
)
BODY = {"/v1/users/{}": {"profile": "A text."}}
JSON_ROUTES = (
    ("POST", "/v1/embeddings/texts"),
    ("POST", "/v1/embeddings/images"),
    ("POST", "/v1/embeddings/users"),
    ("POST", "/v1/search"),
    ("POST", "/v1/sessions/recommendations"),
    ("POST", "/v1/reactions"),
    ("PUT", "/v1/posts/x"),
    ("PUT", "/v1/users/x"),
)
QUERIES = (
    "limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "limit=1e1", "limit=+1",
    "limit=", "limit=NaN", "limit=99999999999999999999", "limit=1&limit=x", "cursor=", "limit=٣",
    "cursor=a%20b", "cursor=%00", "cursor=' or 1=1", "cursor=" + "x" * 513, "cursor=not-ours",
    "created_after=yesterday", "created_after=0", "created_after=2026-01-01",
    "created_after=2026-01-01T00:00:00", "created_before=2026-13-01T00:00:00Z",
    "created_before=0001-01-01T00:00:00%2B14:00", "created_after=", "author=", "author=a%20b",
    "author=%22%20or%20id%20!=%20%22", "language=%27", "limt=3", "tag=",
    "tag=" + "x" * 65, "not_tag=%00", "category=",
    "category=" + "x" * 129, "filter=id%20!=%20%22%22",
)  # fmt: skip


def _base64(data):
    return base64.b64encode(data).decode()


def _search(**more):
    return {"query": [{"text": "bird"}], **more}


def _reaction(**more):
    return {"reactions": [{"user_id": "a", "post_id": "b", "kind": "like", **more}]}


def refused(client, answer, *statuses, field=None, echo=None):
    """A problem of one of these statuses that names the field; and the process is alive."""
    assert answer.status_code in statuses, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == answer.status_code and problem.detail and problem.request_id
    assert problem.type.startswith("urn:commonspace:problem:")
    if field is not None:
        assert any(one.field.startswith(field) for one in problem.errors), problem.errors
    assert len(answer.content) < 6000
    if echo is not None and len(echo) > 100:
        assert echo[:101] not in answer.text
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("place", PICTURE_PLACES)
@pytest.mark.parametrize("name", PICTURES)
def test_bad_pictures_in_json(client, place, name):
    method, path, body = PICTURE_PLACES[place]
    answer = client.request(method, path, json=body(_base64(PICTURES[name])))
    refused(client, answer, 422, field=place)


@pytest.mark.parametrize("name", PICTURES)
def test_bad_pictures_in_a_form(client, name):
    files = [("images", ("innocent.png", one, "image/png")) for one in (picture(), PICTURES[name])]
    answer = client.post("/v1/embeddings/images", files=files)
    refused(client, answer, 422, field="body.images.1")


@pytest.mark.parametrize("place", PICTURE_PLACES)
@pytest.mark.parametrize("text", ["@@@", "a", "YWJj\nZGVm", "data:image/png;base64,AAAA", 7, ["x"]])
def test_what_is_no_base64(client, place, text):
    method, path, body = PICTURE_PLACES[place]
    refused(client, client.request(method, path, json=body(text)), 422, field=place)


def test_pictures_that_are_too_large_or_too_many(client):
    huge = picture() + bytes(10 * 1024 * 1024)
    refused(client, client.post("/v1/search", json={"query": [{"image": _base64(huge)}]}), 422)
    path = "/v1/embeddings/images"
    refused(client, client.post(path, files=[("images", ("a", huge))]), 422, field="body.images.0")
    refused(client, client.post(path, files=[("images", ("a", huge))] * 4), 413)
    many = [("images", ("a", picture()))] * 129
    refused(client, client.post(path, files=many), 400, 422)
    refused(client, client.post(path, json={"images": [_base64(picture())] * 129}), 422)


@pytest.mark.parametrize(
    "files",
    [
        [("image", ("a.png", picture()))],
        [("images", (None, "text"))],
        [("images", ("a.png", picture())), ("url", (None, "http://169.254.169.254/"))],
    ],
)
def test_forms_with_other_fields(client, files):
    refused(client, client.post("/v1/embeddings/images", files=files), 422, field="body.")


@pytest.mark.parametrize(
    "body", [b"", b"--x", b"--x\r\n\r\n", b"--x\r\nContent-Disposition: nonsense\r\n\r\na\r\n--x--"]
)
@pytest.mark.parametrize("boundary", ["; boundary=x", "", "; boundary=", "; boundary=" + "x" * 500])
def test_broken_forms(client, body, boundary):
    headers = {"content-type": f"multipart/form-data{boundary}"}
    answer = client.post("/v1/embeddings/images", content=body, headers=headers)
    refused(client, answer, 400, 422)


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize("name", TEXTS)
def test_bad_texts(client, place, name):
    method, path, body = TEXT_PLACES[place]
    text = TEXTS[name]
    echo = text if isinstance(text, str) else None
    refused(client, client.request(method, path, json=body(text)), 422, field=place, echo=echo)


@pytest.mark.parametrize(("method", "path"), [*ID_PATHS, *TARGET_PATHS])
@pytest.mark.parametrize("name", INJECTIONS)
def test_injection_by_path(client, method, path, name):
    identity, body = INJECTIONS[name], BODY.get(path, POST)
    answer = client.request(method, path.format(quote(identity, safe="")), json=body)
    refused(client, answer, 422, field="path.", echo=identity)


@pytest.mark.parametrize(("method", "path"), ID_PATHS)
@pytest.mark.parametrize("identity", TRAVERSALS)
def test_traversal_by_path(client, method, path, identity):
    answer = client.request(method, path.format(quote(identity, safe="")), json=POST)
    refused(client, answer, 404, 405, 422)


@pytest.mark.parametrize("place", ID_PLACES)
@pytest.mark.parametrize("name", INJECTIONS)
def test_injection_by_body(client, place, name):
    path, body = ID_PLACES[place]
    value = INJECTIONS[name]
    if place == "body.cursor" and name == "long":  # a cursor may be so long, but isn't ours
        return refused(client, client.post(path, json=body(value)), 404, echo=value)
    return refused(client, client.post(path, json=body(value)), 422, field=place, echo=value)


@pytest.mark.parametrize("text", INJECTIONS.values())
def test_texts_are_only_texts(client, text):
    """What looks like a program in a text is a text, and nothing but that."""
    if "\x00" in text:
        return
    before = client.get("/v1/users?limit=100&prefix=person").json()
    assert client.post("/v1/search", json={"query": [{"text": text}]}).status_code == 200
    body = {"user_id": "quoter", "text": text, "tags": [text[:60]]}
    assert client.put("/v1/posts/quoted", json=body).status_code in (200, 201)
    assert client.get("/v1/posts/quoted").json()["text"] == text
    assert client.get("/v1/users?limit=100&prefix=person").json() == before


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
@pytest.mark.parametrize("name", BODIES)
def test_bad_bodies(client, method, path, name):
    headers = {"content-type": "application/json"}
    answer = client.request(method, path, content=BODIES[name], headers=headers)
    echo = BODIES[name].decode("latin-1") if name.startswith("long") else None
    refused(client, answer, 400, 422, echo=echo and echo[5:200])


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
@pytest.mark.parametrize(
    "kind", [None, "", "text/plain", "application/xml", "application/x-www-form-urlencoded", "json"]
)
def test_wrong_media_types(client, method, path, kind):
    headers = {} if kind is None else {"content-type": kind}
    answer = client.request(method, path, content=b'{"texts": ["a"]}', headers=headers)
    refused(client, answer, 415)


@pytest.mark.parametrize(("method", "path"), JSON_ROUTES)
def test_a_compressed_body_is_not_unpacked(client, method, path):
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    bomb = gzip.compress(b" " * 10_000_000 + b"{}")
    refused(client, client.request(method, path, content=bomb, headers=headers), 400)


@pytest.mark.parametrize("query", QUERIES)
def test_bad_queries(client, query):
    answer = client.get(f"/v1/users/person0/recommendations?{query}")
    if query == "cursor=not-ours":
        return refused(client, answer, 404)
    return refused(client, answer, 422, field="query.")


@pytest.mark.parametrize(
    "body",
    [
        _search(limit=0), _search(limit=101), _search(limit="20"), _search(limit=1.5),
        _search(limit=None), _search(target="secrets"), _search(target=["posts"]),
        _search(filters={"created_after": 0}), _search(filters={"created_after": "0"}),
        _search(filters={"expression": 'id != ""'}), _search(filters='id != ""'),
        _search(filters={"authors": "person0"}), _search(filters={"authors": ["a"] * 101}),
        {"query": []}, {"query": [{}]}, {"query": [{"text": "a"}] * 9}, {"query": {"text": "a"}},
        {"query": [{"text": "a", "user_id": "b"}]}, {"query": [{"text": "a", "weight": 2}]},
        {"query": [{"text": "a", "weight": "1"}]}, {"query": [{"text": "a", "weight": True}]},
        {"query": [{"url": "file:///etc/passwd"}]}, {"query": [{"image": None}]},
    ],
)  # fmt: skip
def test_searches_of_wrong_types(client, body):
    refused(client, client.post("/v1/search", json=body), 422, field="body.")


@pytest.mark.parametrize(
    "changes",
    [
        {"user_id": None}, {"user_id": 7}, {"tags": "a"}, {"tags": [""]}, {"tags": ["x" * 65]},
        {"tags": ["a"] * 51}, {"tags": ["a\x00"]}, {"created_at": "now"}, {"created_at": 1},
        {"language": "e n"}, {"private": "yes"}, {"private": 1}, {"post_id": "other"},
    ],
)  # fmt: skip
def test_posts_of_wrong_types(client, changes):
    refused(client, client.put("/v1/posts/x", json=POST | changes), 422, field="body.")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("person0/boundaries/loathed/person1", 422, "muted_author, muted_tag, blocked or hidden"),
        ("person0/boundaries/blocked/person0", 422, "name another person"),
        ("person0/boundaries/muted_tag/" + "x" * 65, 422, "path.tag"),
        ("person0/boundaries/muted_tag/a%00b", 422, "path.tag"),
        ("person0/boundaries/muted_tag/%20", 422, "printable"),
        ("persn0/boundaries/muted_tag/all", 404, "person0"),
        ("person0/boundaries", 405, "GET"),
        ("person0/boundaries/hidden", 404, "nothing at this path"),
    ],
)
def test_bad_boundaries(client, path, status, said):
    answer = client.put(f"/v1/users/{path}")
    refused(client, answer, status)
    assert said in answer.text or status == 405
