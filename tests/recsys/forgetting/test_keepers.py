"""Single keepers, in cases that a whole workspace doesn't show."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.events.rejects import Quarantine, Reject
from recsys.forgetting.keepers.derived_files import DerivedFiles, redacted
from recsys.forgetting.keepers.import_quarantine import ImportQuarantine
from recsys.forgetting.keepers.prepared_data import PreparedData, running
from recsys.forgetting.keepers.run_folders import RunFolders
from recsys.forgetting.keepers.tracker import replaced
from recsys.forgetting.needles import id_needles
from recsys.forgetting.subject import person, post
from tests.recsys.forgetting.workspace import clean_data, model, run
from tests.recsys.world import small_world
from training.data.files import exclusive
from training.data.quarantine import BadField, Reason
from training.data.validate import content_hash
from training.towers import USERS_FILE

WHO = "person3"


def test_the_summary_of_a_demo() -> None:
    def answer(post_id: str, author: str, *texts: str) -> dict[str, Any]:
        reasons = [{"kind": "post", "text": text, "weight": 0.5} for text in texts]
        return {"post_id": post_id, "author": author, "title": "A title", "reasons": reasons}

    document = {
        "retrieval": {"joint": {"person3": 0.5}},
        "recommendations": {
            "ann": [answer("a", WHO), answer("b", "bob", f"by {WHO}.", "like person30")],
            WHO: [answer("b", "bob")],
        },
        "similar_users": {"ann": [{"user_id": WHO, "score": 1.0, "reasons": []}], "bob": []},
    }
    kept, gone = redacted(document, frozenset([WHO]))
    assert gone == 4
    assert kept["retrieval"] == document["retrieval"]  # a name of ours, whoever is called so
    assert kept["recommendations"] == {"ann": [answer("b", "bob", "like person30")]}
    assert kept["similar_users"] == {"ann": [], "bob": []}


entries = st.recursive(
    st.sampled_from(["ann", "bob", "x"]) | st.integers() | st.none(),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(
            st.sampled_from(["people", "posts", "user_id", "text"]), parts, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(entries)
def test_redacting_takes_lists_entries_and_nothing_else(document: Any) -> None:
    kept, gone = redacted(document, frozenset(["ann"]))
    assert redacted(kept, frozenset(["ann"])) == (kept, 0)
    assert (kept == document) == (gone == 0)
    assert redacted(document, frozenset(["nobody"])) == (document, 0)
    assert '["ann"' not in json.dumps(kept) and ', "ann"]' not in json.dumps(kept)


@settings(deadline=None)
@given(
    st.text("ab1 .:/-\n", max_size=30),
    st.from_regex(r"[ab1]([ab1.:/-]{0,2}[ab1])?", fullmatch=True),
)
def test_what_is_replaced_is_what_is_found(text: str, id: str) -> None:
    [needle] = id_needles([id])
    assert (replaced(text, id) != text) == needle.mentioned(text.encode())
    assert not needle.mentioned(replaced(text, id).encode())


def test_a_run_that_was_cut_short(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "halfway"
    (folder / "examples").mkdir(parents=True)
    (folder / "checkpoints").mkdir()
    (folder / "examples" / "users.json").write_text(json.dumps([WHO, "bob"]))
    erased = RunFolders(tmp_path).erase(person(WHO))
    assert erased.counts == {"checkpoints": 1, "examples": 1}
    assert "--name halfway --new" in erased.left[0].until and not erased.left[0].blocks
    assert RunFolders(tmp_path).erase(person(WHO)).left == ()


def test_runs_that_never_knew_them_keep_all(tmp_path: Path) -> None:
    run(tmp_path / "runs" / "other", ["ann", "bob"], small_world(people=2, posts_each=2))
    before = sorted(path for path in tmp_path.rglob("*.png"))
    assert not RunFolders(tmp_path).erase(person(WHO)).counts
    erased = DerivedFiles(tmp_path).erase(post("p/9").with_more(authors=[WHO]))
    assert not erased.counts and sorted(tmp_path.rglob("*.png")) == before


def test_pictures_of_an_unknown_run_may_show_anyone(tmp_path: Path) -> None:
    folder = tmp_path / "mlartifacts" / "1" / "abc" / "artifacts" / "plots"
    folder.mkdir(parents=True)
    for name in ("examples.png", "loss.png"):
        (folder / name).write_bytes(b"png")
    assert DerivedFiles(tmp_path).erase(person(WHO)).counts == {"pages and pictures": 1}
    assert [path.name for path in folder.iterdir()] == ["loss.png"]
    # MLflow's artifacts of a run whose people are known
    model(tmp_path / "runs" / "first" / "model", ["ann"])
    (tmp_path / "runs" / "first" / "mlflow.json").write_text(json.dumps({"run_id": "abc"}))
    (folder / "examples.png").write_bytes(b"png")
    assert not DerivedFiles(tmp_path).erase(person(WHO)).counts


def test_data_that_is_being_made_is_left_alone(tmp_path: Path) -> None:
    home = tmp_path / "data"
    for name in (".0123-4567.partial", ".89ab-4567.partial"):
        (home / name).mkdir(parents=True)
    (home / ".89ab.lock").touch()
    with exclusive(home / ".0123.lock"):
        PreparedData(tmp_path).erase(person(WHO))
        assert [path.name for path in home.glob("*.partial")] == [".0123-4567.partial"]
    PreparedData(tmp_path).erase(person(WHO))
    assert not list(home.glob(".*.partial"))


def test_clean_data_tells_what_was_whose(tmp_path: Path) -> None:
    world = small_world(posts_each=3)
    pictures = {one.post_id: one.post_id.encode() for one in world.posts}
    clean_data(tmp_path / "data" / "0123-4567", world, pictures)
    data = PreparedData(tmp_path)
    own = [one for one in world.posts if one.user_id == WHO]
    subject = data.survey(person(WHO))
    assert subject.posts == tuple(one.post_id for one in own)
    assert content_hash(pictures[own[0].post_id]) in subject.contents
    assert data.survey(post(own[0].post_id)).authors == (WHO,)
    assert data.knows(person(WHO)) and not data.knows(person("person30"))
    # a bad row names them, too
    assert data.knows(post("post/bad"))


@pytest.mark.parametrize("text", ["[", '"person3"', "{}", '[["post", 7]]', "null"])
def test_documents_that_are_broken_or_other_than_ours(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "runs" / "first" / "communities"
    folder.mkdir(parents=True)
    (folder / "map.json").write_text(text)
    assert not DerivedFiles(tmp_path).erase(person(WHO)).counts
    assert (folder / "map.json").read_text() == text


def test_a_search_that_was_cut_short_keeps_nothing_of_the_forgotten(tmp_path: Path) -> None:
    for name, people in (("cut", [WHO, "other"]), ("without", ["other"])):
        folder = tmp_path / "searches" / name
        (folder / "examples").mkdir(parents=True)
        (folder / "examples" / USERS_FILE).write_text(json.dumps(people))
        (folder / "trials" / "000" / "checkpoints").mkdir(parents=True)
    erased = RunFolders(tmp_path).erase(person(WHO))
    assert erased.counts == {"trials": 1, "examples": 1}
    (left,) = erased.left
    assert "search cut was cut short" in left.what
    assert not any((tmp_path / "searches" / "cut").iterdir())
    assert (tmp_path / "searches" / "without" / "trials" / "000").is_dir()
    with exclusive(tmp_path / "searches" / "without" / "driver.lock"):
        assert running(tmp_path) == ["search without"]


def test_rows_that_an_import_put_aside_go_where_they_name_the_subject(tmp_path: Path) -> None:
    def reject(position: int, **row: str) -> Reject:
        bad = BadField(Reason.UNKNOWN_KIND)
        return Reject.of(bad, "likes.csv", position, position, row)

    first, second = (tmp_path / "quarantine" / name for name in ("a.jsonl", "b.jsonl"))
    kept = reject(1, user_id=f"{WHO}0", post_id="p")
    Quarantine(first, 0).add([kept, reject(2, user_id=WHO, post_id="p"), reject(3, text=f"@{WHO}")])
    Quarantine(second, 0).add([reject(1, user_id=WHO)])
    assert ImportQuarantine(tmp_path).erase(person(WHO)).counts == {"rows": 3}
    assert Quarantine(first, 3).first(9) == [kept]
    assert not second.exists()
    assert not ImportQuarantine(tmp_path).erase(person(WHO)).counts
