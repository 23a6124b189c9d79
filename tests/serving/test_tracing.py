import asyncio
import random
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from recsys.measures import STAGE_SECONDS
from serving import tracing, watch
from serving.carrying import Carried, carried, resumed
from serving.deployments.gateway import Gateway
from serving.remote import Handles
from serving.tracing import Traced, TracingConfig, close_tracing, open_tracing
from serving.wire.search import Filters
from tests.serving.collector import Collector, Span, collector
from tests.serving.conftest import LOCAL
from tests.serving.deployments.replicas import Handle, handles, recommending, settings, writing
from training.errors import BadConfig
from training.logs import bound, ids
from training.recorder import SILENT

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT.split("-")[1]


@pytest.fixture
def collecting():
    with collector() as found:
        yield found
        close_tracing()
        watch.use(SILENT)


def answered(folder, found: Collector, story) -> None:
    """Run a story against the gateway with replicas behind it, all of them traced."""
    traced = TracingConfig(endpoint=found.endpoint, sample=1)
    chosen = settings(folder).model_copy(update={"tracing": traced})

    async def whole():
        async with writing(chosen) as writer, recommending(chosen) as recommender:
            behind = Handles(*handles(), Handle(recommender), Handle(writer))
            gateway: object = SimpleNamespace(_settings=chosen, _handles=behind)
            app = Gateway.__serve_build_asgi_app__(gateway)  # type: ignore[arg-type]

            def told():
                with TestClient(app, base_url=LOCAL) as client:
                    story(client)

            await asyncio.to_thread(told)

    asyncio.run(whole())
    close_tracing()  # sends what waits


def above(span: Span, spans: dict[str, Span]) -> list[str]:
    """Names from a span up to its root, numbers left out."""
    names = [span.name]
    while span.parent in spans:
        span = spans[span.parent]
        names.append(span.name)
    return names


def test_a_request_is_one_tree_from_http_to_milvus(collecting, tmp_path):
    def story(client):
        headers = {"traceparent": PARENT, "x-request-id": "asked-once"}
        path = "/v1/users/person0/recommendations?limit=3&author=person1"
        told = client.get(path, headers=headers)
        assert told.status_code == 200
        assert told.headers["traceresponse"].startswith(f"00-{TRACE}-")
        body = {"query": [{"text": "my secret"}], "limit": 2}
        assert client.post("/v1/search", json=body).status_code == 200
        # a client may keep a request out
        unasked = {"traceparent": PARENT[:-2] + "00"}
        assert "traceresponse" not in client.get("/healthz", headers=unasked).headers

    answered(tmp_path, collecting, story)
    mine = {one.id: one for one in collecting.spans if one.trace == TRACE}
    route = "GET /v1/users/{user_id}/recommendations"
    roots = [one for one in mine.values() if one.parent == PARENT.split("-")[2]]
    assert [one.name for one in roots] == [route]
    assert roots[0].attributes["commonspace.request_id"] == "asked-once"
    assert roots[0].attributes["http.response.status_code"] == 200
    ways = {tuple(above(one, mine)) for one in mine.values()}
    call = ("Recommending.recommend", "call here.call", route)
    stage = "recommend_stage"
    assert ("milvus search", f"{stage} candidates taste", *call) in ways
    assert ("sql select posts", f"{stage} reasons", *call) in ways
    for name in ("profile", "rules", "ranking", "diversity", "exploration"):
        assert (f"{stage} {name}", *call) in ways
    assert {way[-1] for way in ways} == {route}  # nothing hangs loose
    other = [one for one in collecting.spans if one.trace != TRACE]
    spans = {one.id: one for one in other}
    assert {way[-1] for one in other if (way := above(one, spans))} <= {"POST /v1/search"}
    search = {above(one, spans)[0] for one in other}
    assert {"Recommending.search", "milvus search", "call here.call"} <= search


def test_no_span_says_who_asked_or_what_they_wrote(collecting, tmp_path):
    def story(client):
        client.get("/v1/users/person0/recommendations?limit=3")
        client.get("/v1/users/person0/similar")
        client.get("/v1/users/nobody-at-all/similar")
        client.post("/v1/search", json={"query": [{"text": "my secret"}], "limit": 2})
        client.put("/v1/posts/mine", json={"user_id": "person1", "text": "my secret"})

    answered(tmp_path, collecting, story)
    assert len(collecting.spans) > 20
    sent = b"".join(collecting.bodies)
    for word in (b"person0", b"person1", b"nobody", b"secret", b"post/0", b"mine"):
        assert word not in sent, word
    assert not any(one.events for one in collecting.spans)  # an exception's message would be one
    known = {"commonspace.request_id", "error.type", "http.request.method", "http.route"}
    known |= {"http.response.status_code", "stage", "source", "operation", "table", "modality"}
    assert {name for one in collecting.spans for name in one.attributes} <= known


def test_the_share_that_is_traced_is_the_same_everywhere(collecting):
    open_tracing(TracingConfig(endpoint=collecting.endpoint, sample=0.5), "a")
    draw, kept = random.Random(0), []
    for _ in range(200):
        trace = f"{draw.getrandbits(128):032x}"
        sent = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        with tracing.request_span(sent, "r") as span:
            if span.is_recording():
                kept.append(sent)
                assert tracing.injected()["traceparent"].split("-")[1] == trace
    assert 60 < len(kept) < 140
    for sent in kept:  # another process decides alike
        with tracing.received(sent, "x") as span:
            assert span.is_recording()


def test_off_it_does_nothing():
    assert not open_tracing(TracingConfig(), "gateway")
    with tracing.request_span({"traceparent": PARENT}, "r") as span, tracing.inner("x"):
        assert span is None and tracing.injected() == {}
        assert tracing.response_header(span) is None
    with Traced(SILENT).stage(STAGE_SECONDS, stage="ranking", source=""):
        pass
    assert carried() is None


def test_ids_go_along_with_a_call():
    with bound(request_id="r1"):
        sent = carried()
    assert sent == Carried({"request_id": "r1"})
    with resumed(sent, "work"):
        assert ids()["request_id"] == "r1"
    assert "request_id" not in ids()


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "ftp://x", "http://user:word@host"])
def test_an_endpoint_that_is_none_is_refused(endpoint):
    with pytest.raises(BadConfig, match=r"endpoint"):
        TracingConfig.parse({"endpoint": endpoint})


def test_what_a_replicas_thread_logs_names_the_request(tmp_path):
    chosen, seen = settings(tmp_path), []

    async def whole():
        async with recommending(chosen) as recommender:
            found = recommender._personal.recommend

            def recommend(*arguments):
                seen.append(ids())
                return found(*arguments)

            recommender._personal.recommend = recommend
            with bound(request_id="r7"):
                ask = Handle(recommender).recommend
                sent = carried()
            await ask.remote("person0", 3, None, Filters(), carried=sent)

    asyncio.run(whole())
    assert [one["request_id"] for one in seen] == ["r7"]
