"""The page's own parts, without a browser."""

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template
from starlette.testclient import TestClient

from serving.api.application import create_app
from serving.security.guard import Guard
from serving.web.pages import router
from serving.web.rendering import STATIC, environment, segments
from serving.web.search_form import SearchForm
from serving.web.sign_in import local_path
from serving.wire.answers import ReasonView
from tests.serving.web.demo_backend import DemoBackend
from training.errors import BadData

LOCAL = "http://localhost"


@pytest.fixture(scope="module")
def client(backend: DemoBackend):
    guard = Guard(None)
    app = create_app(backend, guard, web=router(backend, guard))
    with TestClient(app, base_url=LOCAL, follow_redirects=False) as client:
        yield client


def test_the_api_answers_for_its_own_paths(client: TestClient) -> None:
    for path in ("/v1/none", "/v1", "/healthz/x", "/docs"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json", path
    assert client.get("/v1/search").status_code == 405
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/v1x").headers["content-type"].startswith("text/html")
    assert not any(
        path.startswith("/people") for path in client.get("/openapi.json").json()["paths"]
    )


def test_writes_are_posts_of_this_site(client: TestClient) -> None:
    form = {"user_id": "person0", "post_id": "post/020", "kind": "like"}
    assert client.get("/reactions", params=form).status_code == 404
    foreign = client.post("/reactions", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert client.post("/reactions", data=form | {"kind": "share"}).status_code == 422
    assert client.post("/reactions", data=form | {"post_id": "a b"}).status_code == 422


def test_files_are_named_by_their_content_and_nothing_else_is_given(client: TestClient) -> None:
    page = client.get("/").text
    for path in re.findall(r'(?:href|src)="(/static/[^"#]+)', page):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/base.css").headers["cache-control"] == "no-cache"
    for path in ("/static/..%2Fpages.py", "/static/%2E%2E/pages.py", "/static/none.css"):
        assert client.get(path).status_code == 404


def test_pages_hold_nothing_inline(client: TestClient) -> None:
    for path in ("/", "/people/person0", "/search?text=x", "/posts/post/000", "/map", "/none"):
        html = client.get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)


def test_what_people_wrote_stays_text(client: TestClient) -> None:
    wicked = '"><script>alert(1)</script>'
    for path in ("/", "/search"):
        name = "q" if path == "/" else "text"
        assert "<script>alert" not in client.get(path, params={name: wicked}).text
    said = client.get("/people/person0", params={"done": "like", "title": wicked}).text
    assert "<script>alert" not in said and "&lt;script&gt;" in said


def test_vendored_files_are_what_their_list_says() -> None:
    folder = STATIC / "vendor"
    listed = (folder / "README.md").read_text(encoding="utf-8")
    scripts = sorted(folder.glob("*.js"))
    assert len(scripts) == 2
    for path in [*scripts, Path(__file__).parent / "vendor" / "axe.min.js"]:
        listed += (path.parent / "README.md").read_text(encoding="utf-8")
        assert hashlib.sha256(path.read_bytes()).hexdigest() in listed
    for licence in re.findall(r"`(\S+(?:LICENSE|NOTICE)\S+)`", listed):
        assert any((where / licence).is_file() for where in (folder, path.parent)), licence


def test_templates_are_all_sound() -> None:
    templates = environment()
    for name in templates.list_templates():
        assert isinstance(templates.get_template(name), Template)


def test_a_bar_is_as_long_as_the_score() -> None:
    reasons = [
        ReasonView(kind=kind, text="", contribution=part)
        for kind, part in (("post", 0.3), ("taste", 0.2), ("fresh", -0.1))
    ]
    pieces = segments(reasons)
    assert [(piece.kind, piece.start, piece.length) for piece in pieces] == [
        ("post", 0.0, 30.0),
        ("taste", 30.0, 20.0),
    ]
    assert sum(piece.length for piece in segments(reasons * 9)) == pytest.approx(100)


@given(st.text(max_size=30))
def test_nobody_is_sent_to_another_site(wanted: str) -> None:
    path = local_path(wanted)
    assert path.startswith("/") and not re.match(r"[/\\]{2}", path)


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil", "https://evil", "/\t/evil", ""])
def test_addresses_of_other_sites_become_the_first_page(wanted: str) -> None:
    assert local_path(wanted) == "/"


def test_a_form_and_its_address_say_the_same() -> None:
    form = SearchForm.read(
        {"text": " flag ", "person": "ann", "person_weight": "-0.5", "post_weight": "0.2", "x": "y"}
    )
    assert form.address == "/search?text=flag&person=ann&person_weight=-0.5"
    request = form.request(b"picture", None)
    assert request is not None
    assert [(part.text, part.user_id, part.weight) for part in request.query] == [
        ("flag", None, 1.0),
        (None, None, 1.0),
        (None, "ann", -0.5),
    ]
    assert SearchForm.read({"target": "worlds"}).target == "posts"
    assert SearchForm().request(None, None) is None


def test_days_are_whole() -> None:
    request = SearchForm(text="x", after="2026-01-30", before="2026-01-31").request(None, None)
    assert request and request.filters.created_after and request.filters.created_before
    assert (request.filters.created_before - request.filters.created_after).days == 2


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("text_weight", "much", "no weight"),
        ("text_weight", "7", "weight"),
        ("text_weight", "nan", "weight"),
        ("text_weight", "0", "at 0"),
        ("after", "yesterday", "no day"),
        ("by", "a b'c", "characters that none has"),
        ("person", "a b", "person"),
    ],
)
def test_mistakes_are_told_in_words(field: str, value: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        SearchForm.read({"text": "x", field: value}).request(None, None)
