import base64
import json

import pytest

from recsys.events.boundaries import BoundaryKind
from recsys.events.pictures import StoredPicture
from recsys.events.records import Person, Post, Reaction
from recsys.events.tables import metadata
from tests.recsys.events.test_exposures import SHOWN
from tests.recsys.world import BEGINNING
from training.errors import NotFound


def test_a_person_gets_all_that_is_about_them_and_nothing_about_others(events):
    shown = StoredPicture("image/png", b"picture")
    events.put_post(Post("mine", "ann", "secret", ("x",), BEGINNING, None, True, "ab" * 16), shown)
    events.put_post(Post("theirs", "bob", "not mine"))
    events.add_people([Person("ann", "paints", "cd" * 16)])
    events.react([Reaction("ann", "theirs", "like"), Reaction("bob", "mine", "hide")])
    events.boundaries.put("ann", BoundaryKind.MUTED_TAG, "y")
    events.boundaries.put("bob", BoundaryKind.BLOCKED, "ann")
    events.exposures.add([SHOWN])
    found = json.loads(json.dumps(events.about("ann")))
    assert {name: len(rows) for name, rows in found.items()} == {
        "person": 1,
        "posts": 1,
        "reactions": 1,
        "boundaries": 1,
        "exposures": 1,
        "pictures": 1,
    }
    assert found["posts"][0]["created_at"] == BEGINNING.isoformat()
    assert base64.b64decode(found["pictures"][0]["data"]) == b"picture"
    assert "bob" not in json.dumps(found)
    with pytest.raises(NotFound):
        events.about("nobody")


def test_no_table_about_people_is_forgotten(events):
    events.put_post(Post("p", "ann", "x"))
    about = set(events.about("ann"))
    named = {table.name for table in metadata.tables.values() if "user_id" in table.c}
    assert {name.replace("people", "person") for name in named} <= about
