import json
from pathlib import Path

import pytest

from recsys.events.boundaries import BoundaryKind
from recsys.forgetting.export import export_person
from recsys.forgetting.forget import forget_person
from tests.recsys.forgetting.workspace import Stocked, stocked
from tests.recsys.world import open_events
from training.errors import Conflict, NotFound

WHO = "person3"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    full = stocked(tmp_path_factory.mktemp("export"))
    with open_events(full.workspace) as events:
        events.boundaries.put(WHO, BoundaryKind.MUTED_TAG, "politics")
        events.boundaries.put("person0", BoundaryKind.BLOCKED, WHO)
    return full


def test_everything_about_a_person_can_be_read(full: Stocked, tmp_path: Path) -> None:
    done = export_person(full.places, WHO, tmp_path / "out")
    read = {p.stem: json.loads(p.read_text()) for p in (tmp_path / "out").glob("*.json")}
    assert {name: len(entries) for name, entries in read.items()} == done.counts
    assert read["profile"][0]["text"] == "I am the third"
    own = {post.post_id: post for post in full.world.posts if post.user_id == WHO}
    assert {post["post_id"] for post in read["posts"]} == set(own)
    for post in read["posts"]:
        assert post["text"] == own[post["post_id"]].text
        assert post["private"] == own[post["post_id"]].private
        picture = (tmp_path / "out" / post["picture"]).read_bytes()
        assert picture == full.pictures[post["post_id"]]
    assert {one["user_id"] for one in read["reactions_made"]} == {WHO}
    assert len(read["reactions_made"]) == 3
    assert {one["post_id"] for one in read["reactions_received"]} <= set(own)
    assert len(read["reactions_received"]) == 3
    assert read["vector"][0]["vector"] == full.vectors[WHO].tolist()
    assert read["communities"] == [{"run": "first", "name": "a, b"}]


def test_what_others_set_against_them_is_not_told(full: Stocked, tmp_path: Path) -> None:
    export_person(full.places, WHO, tmp_path / "out")
    [muted] = json.loads((tmp_path / "out" / "boundaries.json").read_text())
    assert (muted["user_id"], muted["target"]) == (WHO, "politics")


def test_mistakes(full: Stocked, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="person3"):
        export_person(full.places, "persn3", tmp_path / "other")
    (tmp_path / "other" / "mine").write_text("")
    with pytest.raises(Conflict, match="isn't empty"):
        export_person(full.places, WHO, tmp_path / "other")
    with pytest.raises(Conflict, match="can't be written"):
        export_person(full.places, WHO, tmp_path / "other" / "mine")


def test_an_export_is_the_persons_own(full: Stocked, tmp_path: Path) -> None:
    """What it wrote outside the workspace, forgetting leaves alone."""
    export_person(full.places, WHO, tmp_path / "out")
    forget_person(full.places, WHO)
    assert (tmp_path / "out" / "posts.json").exists()
    with pytest.raises(NotFound):
        export_person(full.places, WHO, tmp_path / "again")
