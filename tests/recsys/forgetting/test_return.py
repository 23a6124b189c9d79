"""What was forgotten does not come back: by an import, a building of the index, or a writing."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from recsys.events.pictures import StoredPicture
from recsys.forgetting.forget import forget_person
from recsys.forgetting.search import search_folder
from recsys.index import build_index
from recsys.versions import Target
from tests.recsys.forgetting.workspace import fill, stocked
from tests.recsys.world import ProjectionSpace, open_events, open_store
from training.data.validate import content_hash
from training.features import FeatureTable
from training.space import Space

WHO = "person3"


def test_nothing_comes_back(tmp_path: Path) -> None:
    full = stocked(tmp_path)
    forget_person(full.places, WHO)
    needles = full.needles(WHO)
    space = cast(Space, ProjectionSpace(users=[f"person{n}" for n in range(6)]))
    features = cast(FeatureTable, full.world.features)  # the source's: with all that they posted
    for _ in range(2):  # so that the versions from before are dropped
        with open_events(tmp_path) as events, open_store(tmp_path) as store:
            fill(events, full.world, full.pictures)
            build_index(space, features, store, events, "2")
            assert not store.live().fetch(Target.USERS, [WHO])
            assert store.live().count(Target.POSTS) == 5 * 5
    assert search_folder(tmp_path, needles) == []


def test_a_picture_that_another_shows_stays(tmp_path: Path) -> None:
    full = stocked(tmp_path)
    theirs, other = full.world.posts[18], full.world.posts[0]
    assert theirs.user_id == WHO != other.user_id
    with open_events(tmp_path) as events:
        events.add_posts([replace(other, image_hash=theirs.image_hash)])
    forget_person(full.places, WHO)
    with open_events(tmp_path) as events:
        data = full.pictures[theirs.post_id]
        assert events.pictures([content_hash(data)]) == {
            content_hash(data): StoredPicture("image/webp", data)
        }


def test_boundaries_and_exposures_go(tmp_path: Path) -> None:
    """Those of a person, those against them, and what others were shown of theirs."""
    from recsys.events.boundaries import BoundaryKind

    full = stocked(tmp_path)
    with open_events(tmp_path) as events:
        events.boundaries.put(WHO, BoundaryKind.MUTED_TAG, "politics")
        events.boundaries.put("person0", BoundaryKind.BLOCKED, WHO)
        events.boundaries.put("person0", BoundaryKind.HIDDEN, "post/018")
    forget_person(full.places, WHO)
    with open_events(tmp_path) as events:
        kept = events.boundaries.of("person0")
        assert not kept.people and not kept.hidden
    assert search_folder(tmp_path, full.needles(WHO)) == []


@pytest.mark.parametrize("name", ["alice", "p"])
def test_ids_that_are_part_of_others(tmp_path: Path, name: str) -> None:
    """Whose rows are told from theirs by the whole id."""
    from recsys.events.records import Post, Reaction
    from recsys.forgetting.keeper import Places

    with open_events(tmp_path) as events:
        events.add_posts([Post(f"{name}/{n}", f"{name}{n}", f"by {n}") for n in range(3)])
        events.add_posts([Post("mine", name, "by me"), Post("mine2", f"{name}-2", "by another")])
        events.add_reactions([Reaction(name, f"{name}/0", "like")])
    forget_person(Places(tmp_path), name)
    with open_events(tmp_path) as events:
        assert set(events.people()) == {f"{name}{n}" for n in range(3)} | {f"{name}-2"}
        assert len(events.visibility()) == 4
