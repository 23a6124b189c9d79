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
from serving.web.rendering import STATIC, environment, shares
from serving.web.search_form import SearchForm
from serving.web.sign_in import local_path
from serving.wire.answers import PostView, ReasonView, Recommendations, RecommendationView
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


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=5))
def test_bars_are_shares_of_the_score(parts: list[float]) -> None:
    reasons = [ReasonView(kind="post", text="", contribution=part) for part in parts]
    score = sum(parts)
    found = shares(reasons, score)
    for share, part in zip(found, parts, strict=True):
        assert share.start >= -0.01 and share.start + share.length <= 100.01
        edge = share.start if part >= 0 else share.start + share.length
        assert edge == pytest.approx(share.zero, abs=0.02), "each begins or ends at 0"
        if score > 0.01:
            whole = share.whole - share.zero
            assert share.length * score == pytest.approx(whole * abs(part), abs=0.05)
            assert share.percent == round(100 * part / score)


def test_a_post_of_words_shows_its_words() -> None:
    text = "A poem. " + "It goes on and on, for as long as it takes. " * 9
    post = PostView(post_id="poem", user_id="ann", title="A poem", text=text)
    template = environment().from_string(
        "{% import 'parts.html' as parts %}{{ parts.tile(post, 0.5) }}"
    )
    shown = template.render(post=post)
    words = re.search(r'class="mat words"[^>]*><span>([^<]+)<', shown)
    assert words and words[1].startswith("A poem. It goes on") and len(words[1]) <= 180
    assert '<span class="title ">A poem</span>' in shown
    alone = template.render(post=post.model_copy(update={"text": "A poem"}))
    assert '<span class="title hidden">A poem</span>' in alone, "once is enough for eyes"


def test_new_posts_that_are_shown_to_learn_are_marked() -> None:
    post = PostView(post_id="new", user_id="ann", title="New", tags=["a b", "<i>"])
    one = RecommendationView(post=post, score=0.2, reasons=[], sources=[])
    feed = Recommendations(
        model_version="1", items=[one, one.model_copy(update={"explored": True})]
    )
    template = environment().get_template("feed_more.html")
    shown = template.render(feed=feed, user_id="bob")
    assert shown.count("New here") == 1
    assert 'value="muted_tag a b"' in shown and "<i>" not in shown


def test_what_is_kept_away_is_checked_like_all_that_comes_in(client: TestClient) -> None:
    for what in ("", "hidden", "hidden ", "liked post/001", "blocked a b", "muted_author <b>"):
        answer = client.post("/boundaries", data={"user_id": "person0", "what": what})
        assert answer.status_code == 422, what
    form = {"user_id": "person0", "what": "hidden post/020"}
    assert client.post("/boundaries", data=form | {"user_id": "a b"}).status_code == 422
    assert client.post("/boundaries", data=form | {"user_id": "nobody"}).status_code == 404
    assert client.get("/boundaries", params=form).status_code == 404
    foreign = client.post("/boundaries", data=form, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


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
