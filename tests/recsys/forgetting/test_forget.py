"""A person and a post leave every place of a workspace; nothing else does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from recsys.forgetting import forget as forgetting
from recsys.forgetting.forget import forget, forget_person, forget_post, opened
from recsys.forgetting.keeper import Erased, Left, Places
from recsys.forgetting.pending import under_way
from recsys.forgetting.receipt import receipts
from recsys.forgetting.search import search_folder
from recsys.forgetting.subject import Subject, person, post
from recsys.forgetting.verify import verify
from recsys.versions import Target
from tests.recsys.forgetting.workspace import Stocked, feature_of, stocked
from tests.recsys.world import open_events, open_store
from training.data.forgotten import FILE, Forgotten
from training.data.validate import content_hash
from training.errors import Conflict, Gone, NotFound

WHO = "person3"


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    return stocked(tmp_path_factory.mktemp("stock") / "workspace")


@pytest.fixture
def full(stock: Stocked, tmp_path: Path) -> Stocked:
    """A copy: making one takes seconds."""
    shutil.copytree(stock.workspace, tmp_path / "workspace")
    return replace(stock, places=Places(tmp_path / "workspace"))


def test_a_person_leaves_no_byte_anywhere(full: Stocked) -> None:
    needles = full.needles(WHO)
    before = {hit.place.split("/")[0] for hit in search_folder(full.workspace, needles)}
    assert before >= {"events.db", "milvus", "data", "runs", "serve.log"}
    receipt = forget_person(full.places, WHO)
    assert search_folder(full.workspace, needles) == []
    assert receipt.complete
    assert receipt.places["event database"] == {"posts": 6, "reactions": 6}
    assert receipt.places["vector index"]["versions written anew"] == 2
    assert receipt.places["prepared data"] == {"folders": 1}
    assert receipt.places["feature caches"]["vectors"] == 6 + 6
    assert receipt.places["saved models"] == {"models": 1}
    assert [left.blocks for left in receipt.left] == [False]  # the model that learned
    with opened(full.places) as stores:
        assert verify(stores, person(WHO)).clean


def test_others_stay_as_they_were(full: Stocked) -> None:
    forget_person(full.places, WHO)
    kept = [one for one in full.world.posts if one.user_id != WHO]
    with open_events(full.workspace) as events, open_store(full.workspace) as store:
        assert events.posts([one.post_id for one in kept]) == {one.post_id: one for one in kept}
        assert set(events.people()) == {one.user_id for one in kept} | {"person30"}
        hashes = [one.image_hash or "" for one in kept]
        assert set(events.pictures(hashes)) == set(hashes)
        assert [version.build for version in store.versions()] == [4, 3]
        view = store.live()
        assert view.version.build == 4
        public = [one.post_id for one in kept if not one.private]
        for target in (Target.POSTS, Target.IMAGES, Target.TEXTS):
            found = view.fetch(target, [one.post_id for one in full.world.posts])
            assert sorted(found) == sorted(public)
            for id, vector in found.items():
                assert vector.tobytes() == full.vectors[id].tobytes()
        assert view.fetch(Target.USERS, ["person30"])
        store.rollback()
        assert store.live().count(Target.POSTS) == len(public)
    model = full.workspace / "runs" / "first" / "model"
    users = json.loads((model / "users.json").read_text())
    assert users == ["person0", "person1", "person2", "(forgotten)", "person4", "person5"]
    rows = load_file(model / "model.safetensors")["users.identities.weight"]
    assert torch.equal(rows.sum(1), torch.tensor([4.0, 4, 4, 0, 4, 4]))
    folder = full.workspace / "runs" / "first"
    shown = json.loads((folder / "communities" / "map.json").read_text())
    assert len(shown["points"]) == 5 * 6 + 5
    assert shown["communities"][0]["people"] == [name for name in users if name[0] == "p"]
    assert (folder / "plots" / "training.png").exists()
    assert not (folder / "plots" / "map.png").exists()
    log = (full.workspace / "serve.log").read_text()
    assert log == "(forgotten) wrote (forgotten).\nperson30 wrote nothing\n"
    cached = b"".join(p.read_bytes() for p in (full.workspace / "features").rglob("*.safetensors"))
    for one in full.world.posts:
        vector = feature_of(content_hash(full.pictures[one.post_id])).numpy().tobytes()
        assert (vector in cached) == (one.user_id != WHO)


def test_a_post_leaves_and_its_author_stays(full: Stocked) -> None:
    gone = full.world.posts[19]
    assert gone.user_id == WHO and gone.text
    receipt = forget_post(full.places, gone.post_id)
    assert receipt.complete
    needles = [n for n in full.needles(WHO) if n.value in _of(full, gone.post_id, gone.text)]
    assert len(needles) == 4
    assert search_folder(full.workspace, needles) == []
    with open_events(full.workspace) as events, open_store(full.workspace) as store:
        assert len(events.posts_of(WHO)) == 5
        assert store.live().fetch(Target.USERS, [WHO])
        with pytest.raises(Gone):
            events.put_post(gone)
    users = json.loads((full.workspace / "runs/first/model/users.json").read_text())
    assert WHO in users


def _of(full: Stocked, post_id: str, text: str) -> set[bytes]:
    picture, vector = full.pictures[post_id][:64], full.vectors[post_id].tobytes()
    return {post_id.encode(), text.encode(), picture, vector}


def test_a_receipt_names_nobody(full: Stocked) -> None:
    forget_person(full.places, WHO)
    [kept] = receipts(full.workspace, person(WHO).digest)
    assert WHO not in json.dumps(kept)
    assert kept["digest"] == person(WHO).digest and kept["complete"]
    assert "commonspace train" in kept["left"][0]["until"]


def test_once_more_changes_nothing(full: Stocked) -> None:
    forget_person(full.places, WHO)
    before = _files(full.workspace)
    again = forget_person(full.places, WHO)
    assert again.complete and not any(again.places.values())
    assert _files(full.workspace).keys() == before.keys()
    assert len(receipts(full.workspace, again.digest)) == 2


def _files(workspace: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in workspace.rglob("*") if path.is_file()}


def test_killed_at_any_step_it_goes_on(full: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each place in turn, just before it has erased or just after."""

    class Killed(BaseException):
        pass

    needles = full.needles(WHO)
    for number in range(8):
        with opened(full.places) as stores:
            keeper = stores.keepers[number]

            def dying(subject: Subject, erase=keeper.erase, after=number % 2) -> Erased:
                if after:
                    erase(subject)
                raise Killed

            monkeypatch.setattr(keeper, "erase", dying)
            with pytest.raises(Killed):
                forget(stores, person(WHO))
        assert under_way(full.workspace) == 1
        with open_events(full.workspace) as events, pytest.raises(Gone):
            events.put_post(full.world.posts[18])
    receipt = forget_person(full.places, WHO)
    assert receipt.complete and under_way(full.workspace) == 0
    assert search_folder(full.workspace, needles) == []


def test_what_is_in_use_is_left_and_told(full: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.checkpoint import owned

    with owned(full.workspace / "runs" / "first"):
        receipt = forget_person(full.places, WHO)
    assert not receipt.complete
    blocking = [left for left in receipt.left if left.blocks]
    assert len(blocking) == 2 and all("first" in left.what for left in blocking)
    assert under_way(full.workspace) == 1
    assert forget_person(full.places, WHO).complete
    assert search_folder(full.workspace, full.needles(WHO)) == []


def test_an_index_that_is_being_built_is_left_and_told(full: Stocked) -> None:
    with open_events(full.workspace) as events, events.hold("index commonspace"):
        receipt = forget_person(full.places, WHO)
    assert next(left.what for left in receipt.left if left.blocks).startswith("the vectors")
    assert forget_person(full.places, WHO).complete
    assert search_folder(full.workspace, full.needles(WHO)) == []


def test_two_at_once(full: Stocked) -> None:
    with open_events(full.workspace) as events, events.hold("forget"), pytest.raises(Conflict):
        forget_person(full.places, WHO)


def test_a_mistake_is_told_with_near_ids(full: Stocked) -> None:
    with pytest.raises(NotFound, match="person3"):
        forget_person(full.places, "persn3")
    with pytest.raises(NotFound, match="post/018"):
        forget_post(full.places, "post/O18")
    with pytest.raises(NotFound):
        forget_person(full.places, "'; DROP TABLE people; --")
    assert not (full.workspace / "forgetting").exists()


def test_a_person_whom_only_the_data_knows(full: Stocked) -> None:
    """Trained on, never indexed."""
    (full.workspace / "events.db").unlink()
    receipt = forget_person(full.places, WHO)
    assert receipt.complete and "event database" in receipt.places
    assert search_folder(full.workspace, full.needles(WHO)) == []


def test_what_the_service_deleted_is_gone_over(full: Stocked) -> None:
    """The API deletes from database and index; bytes and files are left to this."""
    from recsys.erase import erase_person

    with open_events(full.workspace) as events, open_store(full.workspace) as store:
        erase_person(events, store, WHO)
    with opened(full.places) as stores:
        assert not verify(stores, person(WHO)).clean
    assert forget_person(full.places, WHO).complete
    assert search_folder(full.workspace, full.needles(WHO)[:1]) == []


def test_the_list_for_training(full: Stocked) -> None:
    forget_person(full.places, WHO)
    listed = Forgotten.read(full.workspace / FILE)
    assert listed.person(WHO) and listed.post("post/018") and not listed.person("person30")
    assert len(listed) == 7


def test_nothing_outside_is_touched(full: Stocked, tmp_path: Path) -> None:
    from training.tracking.config import TrackingConfig

    other = tmp_path / "other"
    other.mkdir()
    (other / "map.json").write_text(json.dumps({"points": [["person", WHO, WHO, 0, 0, 0]]}))
    elsewhere = TrackingConfig(uri=f"sqlite:///{other / 'mlflow.db'}")
    places = Places(full.workspace, tracking=elsewhere)
    receipt = forget_person(places, WHO)
    assert WHO in (other / "map.json").read_text() and not (other / "mlflow.db").exists()
    assert any("was not reached" in left.what for left in receipt.left)
    forget_person(Places(full.workspace, folders=(other,)), WHO)
    assert WHO not in (other / "map.json").read_text()


def test_steps_are_told(full: Stocked) -> None:
    said: list[str] = []
    forget_post(full.places, "post/000", step=said.append)
    assert said[0] == "event database" and len(said) == 9
    assert forgetting.require_known and post("x").posts == ("x",) and Left("a", "b").blocks is False
