import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest

from recsys.events.records import Post
from recsys.milvus import Vanished
from recsys.versions import PARTS, Target
from tests.recsys.world import open_store, publish, unit_rows
from training.errors import BadConfig, BadData, CommonspaceError, Conflict, NotFound, Unavailable


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def posts_of_model(model: str, count: int = 20) -> dict[Post, np.ndarray]:
    """Posts whose ids tell the model, so that a mixed answer shows."""
    rows = unit_rows(count, seed=int(model))
    return {Post(f"m{model}/{i}", "ann"): rows[i] for i in range(count)}


def test_nothing_indexed_says_what_to_do(store):
    with pytest.raises(NotFound, match="commonspace index"):
        store.live()
    with pytest.raises(NotFound):
        store.rollback()


def test_search_is_exact_and_ordered(store):
    rows = unit_rows(50)
    publish(store, "1", {Post(f"p{i:02d}", "ann"): row for i, row in enumerate(rows)})
    queries = unit_rows(3, seed=9)
    view = store.live()
    answers = view.search(Target.POSTS, queries, 7)
    for query, answer in zip(queries, answers, strict=True):
        cosines = rows @ query
        assert [near.id for near in answer] == [f"p{i:02d}" for i in np.argsort(-cosines)[:7]]
        assert [near.score for near in answer] == pytest.approx(sorted(cosines)[::-1][:7], abs=1e-5)


def test_fetch_returns_what_is_there(store):
    posts = posts_of_model("1")
    publish(store, "1", posts, {"ann": unit_rows(1)[0]})
    view = store.live()
    found = view.fetch(Target.POSTS, ["m1/3", "absent", "m1/4"])
    assert set(found) == {"m1/3", "m1/4"}
    assert found["m1/3"] == pytest.approx(posts[Post("m1/3", "ann")])
    assert view.fetch(Target.POSTS, []) == {}
    assert view.fetch(Target.USERS, ["ann"])["ann"].dtype == np.float32


def test_equal_scores_come_by_id(store):
    row = unit_rows(1)[0]
    publish(store, "1", {Post(f"p{i}", "ann"): row for i in (3, 1, 2)})
    (found,) = store.live().search(Target.POSTS, row[None], 3)
    assert [near.id for near in found] == ["p1", "p2", "p3"]


def test_a_query_of_another_dimension_is_refused(store):
    publish(store, "1", posts_of_model("1"))
    with pytest.raises(Conflict, match="16 dimensions"):
        store.live().search(Target.POSTS, unit_rows(1, dimension=8), 3)


def test_a_query_is_weighed_by_its_direction(store):
    build = store.begin("1", 4)
    build.insert(Target.USERS, ["left", "right"], np.array([[0.6, 0.8, 0, 0], [0, 0, 0.6, 0.8]]))
    build.weigh({"text_to_user": np.array([1.0, 1.0, 0.0, 0.0])})
    with pytest.raises(BadData, match="text_to_image"):
        build.weigh({"text_to_image": np.ones(3)})
    store.publish(build)
    query = np.array([[0.3, 0.4, 0.52, 0.69]], dtype=np.float32)
    query /= np.linalg.norm(query)
    view = store.live()
    aimed = view.aimed(query, Target.TEXTS, Target.USERS)
    assert aimed == pytest.approx(np.array([[0.6, 0.8, 0, 0]]), abs=1e-6)
    assert [near.id for near in view.search(Target.USERS, query, 2)[0]] == ["right", "left"]
    assert [near.id for near in view.search(Target.USERS, aimed, 2)[0]] == ["left", "right"]
    assert view.aimed(query, Target.IMAGES, Target.USERS) is query
    assert not view.aimed(np.array([[0, 0, 1.0, 0]]), Target.TEXTS, Target.USERS).any()


def test_bad_rows_are_refused(store):
    build = store.begin("1", 16)
    rows = unit_rows(2)
    with pytest.raises(BadData, match="id 'a b'"):
        build.insert(Target.USERS, ["ok", "a b"], rows)
    with pytest.raises(BadData, match="has length"):
        build.insert(Target.USERS, ["a", "b"], rows * [[1], [2]])
    with pytest.raises(BadData, match="has length nan"):
        build.insert(Target.USERS, ["a", "b"], rows * [[1], [np.nan]])
    with pytest.raises(BadData, match="2 vectors of 16"):
        build.insert(Target.USERS, ["a", "b"], rows[:, :8])
    with pytest.raises(BadConfig, match="model version"):
        store.begin("a_b", 16)


def test_a_wrong_count_is_not_published(store):
    publish(store, "1", posts_of_model("1"))
    build = store.begin("2", 16)
    build.insert(Target.USERS, ["ann"], unit_rows(1))
    build.inserted[Target.USERS] += 1  # as if Milvus had lost one
    with pytest.raises(CommonspaceError, match="1 of 2 users"):
        store.publish(build)
    assert store.live().version.model == "1"


def test_old_versions_are_kept_and_dropped(tmp_path):
    with open_store(tmp_path, keep_versions=3) as store:
        for model in "1234":
            publish(store, model, posts_of_model(model))
        assert [version.model for version in store.versions()] == ["4", "3", "2"]
        assert store.live().version.model == "4"


def test_rollback_goes_back_and_a_new_build_keeps_what_served(store):
    publish(store, "1", posts_of_model("1"))
    first = store.live().version
    publish(store, "2", posts_of_model("2"))
    assert store.rollback() == first
    assert store.live().version.model == "1"
    with pytest.raises(NotFound, match="nothing is older"):
        store.rollback()
    with pytest.raises(NotFound, match="no build 9"):
        store.rollback(9)
    assert store.rollback(2).model == "2"
    store.rollback()
    publish(store, "3", posts_of_model("3"))
    assert [version.model for version in store.versions()] == ["3", "1"]
    assert store.rollback().model == "1"


def test_the_same_model_can_be_indexed_again(store):
    publish(store, "1", posts_of_model("1", 20))
    publish(store, "1", posts_of_model("1", 30))
    assert store.live().count(Target.POSTS) == 30
    assert [version.build for version in store.versions()] == [2, 1]


def test_reopening_finds_everything(tmp_path):
    with open_store(tmp_path) as store:
        publish(store, "1", posts_of_model("1"))
        publish(store, "2", posts_of_model("2"))
    with open_store(tmp_path) as store:
        assert store.live().version.model == "2"
        assert store.live().count(Target.POSTS) == 20
        assert len(store.live().search(Target.POSTS, unit_rows(1), 5)[0]) == 5
        assert store.rollback().model == "1"
        assert set(store.live().fetch(Target.POSTS, ["m1/0", "m2/0"])) == {"m1/0"}


def test_removed_rows_are_gone_from_every_version(store):
    publish(store, "1", posts_of_model("1") | posts_of_model("2"))
    publish(store, "2", posts_of_model("1") | posts_of_model("2"))
    store.remove(Target.POSTS, ["m1/0", "m2/5"])
    assert store.live().count(Target.POSTS) == 38
    store.rollback()
    assert store.live().fetch(Target.POSTS, ["m1/0", "m2/5", "m1/1"]).keys() == {"m1/1"}


def test_two_stores_of_one_process_share_the_folder(tmp_path):
    with open_store(tmp_path) as writer, open_store(tmp_path) as reader:
        publish(writer, "1", posts_of_model("1"))
        writer.close()
        assert reader.live().count(Target.POSTS) == 20
    with open_store(tmp_path) as again:
        assert again.live().count(Target.POSTS) == 20


def test_prefixes_do_not_see_each_other(tmp_path):
    with open_store(tmp_path, prefix="a") as a, open_store(tmp_path, prefix="a_posts") as b:
        publish(a, "1", posts_of_model("1"))
        publish(b, "2", posts_of_model("2"))
        assert [version.model for version in a.versions()] == ["1"]
        assert [version.model for version in b.versions()] == ["2"]


def test_readers_never_fail_and_never_mix_versions_while_the_alias_is_swapped(tmp_path):
    with open_store(tmp_path) as store:
        publish(store, "1", posts_of_model("1"), {"ann": unit_rows(1)[0]})
        done, problems, reads = threading.Event(), [], [0]

        def work(view):
            (found,) = view.search(Target.POSTS, unit_rows(1), 5)
            vectors = view.fetch(Target.IMAGES, [near.id for near in found])
            return view.version.model, [near.id for near in found], set(vectors)

        def read():
            while not done.is_set():
                try:
                    model, ids, fetched = store.read(work)
                    reads[0] += 1
                    if set(ids) != fetched or not all(id.startswith(f"m{model}/") for id in ids):
                        problems.append((model, ids, fetched))
                except Exception as error:
                    problems.append(error)

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for model in ("2", "3", "4", "5"):
            publish(store, model, posts_of_model(model))
            store.rollback()
            store.rollback(store.versions()[0].build)
        done.set()
        for reader in readers:
            reader.join()
        assert problems == []
        assert reads[0] > 20


def test_a_dropped_version_under_a_reader_is_read_anew(store):
    publish(store, "1", posts_of_model("1"))
    tries = []

    def work(view):
        tries.append(view.version.model)
        if len(tries) == 1:
            publish(store, "2", posts_of_model("2"))
            publish(store, "3", posts_of_model("3"))  # which drops version 1
        return view.count(Target.POSTS)

    assert store.read(work) == 20
    assert tries == ["1", "3"]
    with pytest.raises(Vanished):
        store._milvus("describe_collection", "commonspace_posts_v1_000001")


def test_another_process_that_holds_the_folder_is_named(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from recsys.config import IndexConfig\n"
        "from recsys.vectors import VectorStore\n"
        f"store = VectorStore(IndexConfig(), pathlib.Path({str(tmp_path)!r}))\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
        "store.close()\n"
    )
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        with pytest.raises(Conflict, match="commonspace serve") as raised:
            open_store(tmp_path)
        if sys.platform == "linux":
            assert f"process {holder.pid} " in str(raised.value)
        holder.communicate()
    with open_store(tmp_path) as store:  # free again
        assert store.versions() == []


def test_a_build_that_was_killed_leaves_the_old_version_and_is_cleared_away(tmp_path):
    with open_store(tmp_path) as store:
        publish(store, "1", posts_of_model("1"))
    program = (
        "import pathlib, os, signal, numpy\n"
        "from recsys.config import IndexConfig\n"
        "from recsys.vectors import VectorStore\n"
        "from recsys.versions import Target\n"
        f"store = VectorStore(IndexConfig(), pathlib.Path({str(tmp_path)!r}))\n"
        "build = store.begin('2', 2)\n"
        "build.insert(Target.USERS, ['ann', 'bob'], numpy.eye(2))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr
    with open_store(tmp_path) as store:
        assert store.live().version.model == "1"
        assert store.live().count(Target.POSTS) == 20
        assert "commonspace_users_v2_000002" in store._milvus("list_collections")
        publish(store, "3", posts_of_model("3"))
        left = store._milvus("list_collections")
        assert not any("_v2_" in name for name in left)
        assert store.live().version.model == "3"
        assert len(left) == 2 * len(PARTS)


@pytest.mark.parametrize("kind", ["auto", "FLAT"])
def test_a_server_by_its_uri_works_alike(lite_server, kind):
    with open_store(lite_server.folder, uri=lite_server.uri, kind=kind, prefix=kind) as store:
        publish(store, "1", posts_of_model("1"), {"ann": unit_rows(1)[0]})
        with open_store(lite_server.folder, uri=lite_server.uri, prefix=kind) as reader:
            publish(store, "2", posts_of_model("2"))
            assert reader.live().version.model == "2"
            (found,) = reader.live().search(Target.POSTS, unit_rows(1), 20)
            assert len(found) == 20
            store.rollback()
            assert reader.live().version.model == "1"


def test_a_server_that_is_not_there_is_unavailable(tmp_path):
    begun = time.monotonic()
    with pytest.raises(CommonspaceError, match="doesn't answer") as raised:
        open_store(tmp_path, uri="http://127.0.0.1:9", timeout_s=2)
    assert raised.value.exit_code == 6
    assert time.monotonic() - begun < 20


class Late(grpc.RpcError):
    def details(self) -> str:
        return "Deadline Exceeded"


def test_an_answer_that_does_not_come_in_time_is_an_error_of_ours(store, monkeypatch):
    def late(*_, **__):
        raise Late

    monkeypatch.setattr(store._milvus._client, "list_aliases", late)
    with pytest.raises(Unavailable, match="Deadline Exceeded"):
        store.versions()


def begin_at(store, monkeypatch, days_ago: float, model: str):
    """A version whose build was begun so many days ago."""
    with monkeypatch.context() as patch:
        patch.setattr("recsys.build.now", lambda: int(time.time() - 86_400 * days_ago))
        return publish(store, model, posts_of_model(model))


def test_versions_are_dropped_by_age_but_not_the_one_that_is_replaced(tmp_path, monkeypatch):
    with open_store(tmp_path, keep_versions=9, keep_days=7) as store:
        for days, model in ((30, "1"), (20, "2"), (3, "3")):
            begin_at(store, monkeypatch, days, model)
        assert [version.model for version in store.versions()] == ["3", "2"]
        begin_at(store, monkeypatch, 0, "4")
        assert [version.model for version in store.versions()] == ["4", "3"]
        ages = {version.model: time.time() - at.timestamp() for version, at in store.made().items()}
        assert ages["3"] == pytest.approx(3 * 86_400, abs=60)
        assert ages["4"] == pytest.approx(0, abs=60)


def test_a_version_can_be_dropped_by_hand_but_not_the_live_one(store):
    for model in "12":
        publish(store, model, posts_of_model(model))
    with pytest.raises(Conflict, match="build 2 of model version 2 is in use"):
        store.drop(2)
    with pytest.raises(NotFound, match="no build 7") as error:
        store.drop(7)
    assert error.value.hint == "kept builds: 2, 1"
    store.drop(1)
    assert [version.build for version in store.versions()] == [2]
    assert len(store._milvus("list_collections")) == len(PARTS)
    assert len(store._milvus("list_aliases")["aliases"]) == 3  # live, sealed, begun
    with pytest.raises(NotFound, match="nothing is older"):
        store.rollback()
