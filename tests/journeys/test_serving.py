"""The service as its users meet it: a process of its own, under load, faults and changes."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psutil
import pytest
import requests

from infra.benchmarks.load import Answer, Ask, Load
from infra.benchmarks.process import Served
from infra.indexing import index_posts
from infra.product import ProductConfig, load_config, open_tracking
from serving.client import Client
from serving.wire.search import Filters, QueryPart
from serving.wire.writes import PostWrite, ReactionWrite
from tests.serving.api.hostile import BODIES, PICTURES
from tests.training.report import finished
from training.errors import Gone, NotFound
from training.materials import gather_materials
from training.model import ModelConfig
from training.run_config import RunConfig
from training.space import Space
from training.tracking.gate import promote, rollback
from training.tracking.registry import register

WIDER = 64


@pytest.fixture(scope="module")
def config(small_posts: Path, tmp_path_factory: pytest.TempPathFactory) -> ProductConfig:
    """Two registered models of different widths, the first of them champion and indexed."""
    workspace = tmp_path_factory.mktemp("served")
    config = load_config(None, [f"data.posts={small_posts}"], workspace)
    tracking = open_tracking(config)
    run_id = finished.finish_run(small_posts, tracking)
    folders = [workspace / "runs" / "first" / "model", workspace / "wider"]
    _wider_space(small_posts, workspace).save(folders[1])
    for folder in folders:
        register(tracking, run_id, folder, metrics={"validation/score": 0.1})
    promote(tracking, 1, reason="the first")
    index_posts(config, model=1)
    return config


def _wider_space(posts: Path, workspace: Path) -> Space:
    materials = gather_materials(RunConfig.load(overrides=[f"data.posts={posts}"]), workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finished, "MODEL", ModelConfig(dimension=WIDER, hidden=32))
        return finished.space_for(materials.examples, finished.encoders())


@pytest.fixture(scope="module")
def service(config: ProductConfig) -> Iterator[Served]:
    settings = ["serve.follow_s=0.5", "serve.access_log=access.jsonl", "serve.in_flight=16"]
    service = Served(config.workspace, settings)
    yield service
    family = psutil.Process(service.pid).children(recursive=True)
    code = service.stop()
    assert code == 0, service.said()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive


@pytest.fixture
def client(service: Served) -> Client:
    return Client(service.url)


@pytest.fixture
def person(client: Client) -> str:
    return client.users().items[0].user_id


@contextmanager
def under_load(service: Served, person: str) -> Iterator[list[Answer]]:
    """Four clients ask without a pause until the `with` ends."""
    load, ended = Load(service.url, keep=True), threading.Event()

    def asks() -> Iterator[Ask]:
        for number in count():
            if ended.is_set():
                return
            yield Ask("recommend", "GET", f"/v1/users/{person}/recommendations?limit=3")
            yield Ask("search", "POST", "/v1/search", {"query": [{"text": f"bird {number}"}]})
            yield Ask("embed", "POST", "/v1/embeddings/texts", {"texts": [f"bird {number}"]})

    thread = threading.Thread(target=lambda: asyncio.run(load.closed_loop(asks(), 4)))
    thread.start()
    try:
        yield load.answers
    finally:
        ended.set()
        thread.join()


def wait_for(holds, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def version_in_use(service: Served) -> str | None:
    return requests.get(f"{service.url}/readyz", timeout=10).json()["model_version"]


def test_every_part_is_ready_and_says_so(service: Served):
    ready = requests.get(f"{service.url}/readyz", timeout=10).json()
    names = {part["name"] for part in ready["parts"]}
    assert ready["ready"] and ready["model_version"] == "1"
    assert names >= {"text encoder", "image encoder", "user encoder", "recommender", "writer"}
    assert requests.get(f"{service.url}/healthz", timeout=10).json() == {"status": "ok"}


def test_a_person_gets_posts_with_reasons_that_sum_to_the_score(client: Client, person: str):
    found = client.recommendations(person, limit=5)
    assert len(found.items) == 5 and not found.fallback
    for one in found.items:
        assert one.post.user_id != person
        assert sum(reason.contribution for reason in one.reasons) == pytest.approx(one.score)


def test_figures_of_all_parts_are_on_one_page(service: Served, client: Client, person: str):
    client.recommendations(person, limit=3)
    client.search(QueryPart(text="a bird"))
    wanted = (
        "commonspace_http_requests_total{",
        "commonspace_recommend_stage_seconds_bucket{",
        "commonspace_call_seconds_count{",
        'part="recommender"',
        'method="recommend"',
        "commonspace_encoder_batch_contents_count{",
        "commonspace_in_use_info{",
        "commonspace_index_drift{",
        "commonspace_tracking_up{",
        "commonspace_edge_questions{",
    )

    def told() -> bool:
        page = requests.get(f"{service.url}/metrics", timeout=10).text
        return all(one in page for one in wanted)

    wait_for(told)


def test_a_written_post_is_found_at_once_and_a_deleted_one_never_again(client: Client):
    text = "a quite unheard-of sentence about marmalade"
    post = PostWrite(user_id="writer", text=text)
    written = client.put_post("mine/marmalade", post)
    assert written.created and written.model_version == "1"
    assert client.search(QueryPart(text=text)).items[0].id == "mine/marmalade"
    assert not client.put_post("mine/marmalade", post).created
    assert [one.id for one in client.search(QueryPart(text=text)).items].count(
        "mine/marmalade"
    ) == 1
    assert client.delete_post("mine/marmalade").posts == ["mine/marmalade"]
    assert "mine/marmalade" not in [one.id for one in client.search(QueryPart(text=text)).items]
    with pytest.raises(NotFound):
        client.post("mine/marmalade")
    with pytest.raises(Gone):
        client.put_post("mine/marmalade", post)


def test_a_reaction_changes_the_next_answer(client: Client, person: str):
    first = client.recommendations(person, limit=1).items[0].post.post_id
    assert client.react(ReactionWrite(user_id=person, post_id=first, kind="hide")).recorded == 1
    assert first not in [one.post.post_id for one in client.recommendations(person).items]


def test_hostile_requests_are_answered_and_hurt_nobody(service: Served):
    url = f"{service.url}/v1/embeddings"
    for body in BODIES.values():
        answer = requests.post(
            f"{url}/texts", data=body, headers={"content-type": "application/json"}, timeout=30
        )
        assert 400 <= answer.status_code < 500
    for picture in PICTURES.values():
        answer = requests.post(f"{url}/images", files={"images": picture}, timeout=30)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"
    assert service.ready()


def test_logs_hold_neither_people_nor_texts(service: Served, config: ProductConfig, person: str):
    requests.post(f"{service.url}/v1/search", json={"query": [{"text": "marmalade"}]}, timeout=30)
    requests.get(f"{service.url}/v1/users/{person}/similar", timeout=30)
    log = (config.workspace / "access.jsonl").read_text()
    assert "/v1/users/{user_id}/similar" in log
    assert person not in log and "marmalade" not in log


def test_model_and_index_change_together_under_load_and_no_request_is_dropped(
    service: Served, config: ProductConfig, person: str
):
    tracking = open_tracking(config)
    with under_load(service, person) as answers:
        promote(tracking, 2, reason="wider")
        time.sleep(2)
        assert version_in_use(service) == "1"  # its index isn't there yet
        index_posts(config, model=2)
        wait_for(lambda: version_in_use(service) == "2")
        before_rollback = len(answers)
        rollback(tracking)
        wait_for(lambda: version_in_use(service) == "1")
        after_rollback = len(answers)
        wait_for(lambda: len(answers) > after_rollback + 8)
    assert [one.status for one in answers if not one.good] == []
    assert 0 < before_rollback < after_rollback
    dimensions: dict[str, set[int]] = {}
    for one in answers:
        body = json.loads(one.body)
        if one.ask.kind == "embed":
            dimensions.setdefault(body["model_version"], set()).add(body["dimension"])
        else:
            assert body["items"]
    assert sorted(dimensions) == ["1", "2"]
    assert all(len(each) == 1 for each in dimensions.values())
    assert dimensions["1"] != dimensions["2"]


def test_killed_replicas_cost_nobody_an_answer(service: Served, person: str):
    with under_load(service, person) as answers:
        for name in ("gateway", "recommender", "text"):
            [victim] = service.replicas()[name]
            os.kill(victim.pid, signal.SIGKILL)
            wait_for(lambda name=name, pid=victim.pid: _replaced(service, name, pid))
            done = len(answers)
            wait_for(lambda done=done: len(answers) > done + 8)
    assert [one.status for one in answers if not (one.good or one.refused)] == []


def test_what_was_acknowledged_outlives_sigkill_of_everything(service: Served, client: Client):
    acknowledged: list[str] = []
    killer = threading.Timer(1.0, service.kill)
    killer.start()
    for number in range(500):
        path = f"/v1/posts/kept/{number}"
        body = {"user_id": "keeper", "text": f"number {number}"}
        try:
            answer = requests.put(service.url + path, json=body, timeout=10)
        except requests.RequestException:
            break
        if answer.ok:
            acknowledged.append(f"kept/{number}")
    killer.join()
    assert acknowledged
    service.start()
    for post_id in acknowledged:
        assert client.post(post_id).user_id == "keeper"
    mine = Filters(authors=["keeper"])
    found = client.search(QueryPart(text="number 0"), filters=mine, limit=100)
    ids = [hit.id for hit in found.items]
    assert len(ids) == len(set(ids))
    assert set(acknowledged[:100]) <= set(ids) or len(acknowledged) > 100


def _replaced(service: Served, name: str, killed: int) -> bool:
    there = [one.pid for one in service.replicas().get(name, [])]
    return bool(there) and killed not in there and service.ready()
