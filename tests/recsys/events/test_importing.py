import io
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from PIL import Image

from recsys.events.importing import ImportReport, import_data
from recsys.events.pictures import StoredPicture
from recsys.events.records import Person, Post, Reaction
from tests.recsys.world import BEGINNING
from training.data.tables import POSTS, REACTIONS, USERS
from training.errors import NotFound


@dataclass(frozen=True)
class Tables:
    """Cleaned tables in memory, under the methods of `CleanData`."""

    post_rows: list[dict]
    reaction_rows: list[dict]
    user_rows: list[dict]
    asked: list[list[int]] = field(default_factory=list)

    def batches(self, table, columns):
        rows, schema = {
            "posts": (self.post_rows, POSTS),
            "users": (self.user_rows, USERS),
        }[table]
        yield from pa.Table.from_pylist(rows, schema).select(columns).to_batches()

    def reaction_batches(self):
        yield from pa.Table.from_pylist(self.reaction_rows, REACTIONS).to_batches()

    def images(self, rows):
        self.asked.append(list(rows))
        return [self.post_rows[row].get("image") for row in rows]


def tables() -> Tables:
    posts = [
        {"post_id": "p0", "user_id": "ann", "text": "One. Two", "tags": ["x"], "private": False},
        {"post_id": "p1", "user_id": "bob", "image_hash": "ab" * 16, "private": True},
    ]
    posts[1]["category"] = "birds"
    like = {"user_id": "cid", "post_id": "p0", "kind": "like", "created_at": BEGINNING}
    people = [{"user_id": "ann", "text": "paints"}, {"user_id": "bob"}, {"user_id": "cid"}]
    return Tables(posts, [like], people)


def test_clean_data_becomes_posts_reactions_and_people(place):
    with place.open() as events:
        assert import_data(tables(), events) == ImportReport(2, 1, 3, 0)
        assert events.posts(["p0", "p1"]) == {
            "p0": Post("p0", "ann", "One. Two", ("x",)),
            "p1": Post("p1", "bob", private=True, image_hash="ab" * 16, category="birds"),
        }
        assert events.reactions_of("cid") == [Reaction("cid", "p0", "like", None, BEGINNING)]
        assert events.person("ann") == Person("ann", "paints")


def test_importing_again_changes_nothing_and_brings_back_nothing(place):
    with place.open() as events:
        import_data(tables(), events)
        import_data(tables(), events)
        assert len(events.reactions_table()) == 1
        events.delete_post("p0")
        events.delete_person("bob")
        assert import_data(tables(), events) == ImportReport(0, 0, 2, 4)
        assert events.posts(["p0", "p1"]) == {}
        assert events.people() == ["ann", "cid"]


def pictured(count: int) -> Tables:
    """Posts with a picture each, the last two with the same; every third private."""

    def row(number: int) -> dict:
        file = io.BytesIO()
        shown = min(number, count - 2)
        Image.new("RGB", (3, 2), (shown, 0, 0)).save(file, "PNG")
        return {
            "post_id": f"p{number}",
            "user_id": "ann",
            "image": file.getvalue(),
            "image_hash": f"{shown:032x}",
            "private": number % 3 == 2,
        }

    return Tables([row(number) for number in range(count)], [], [])


def test_pictures_of_public_posts_come_along_once(place, monkeypatch):
    monkeypatch.setattr("recsys.events.importing._PICTURES", 2)
    data = pictured(8)
    with place.open() as events:
        import_data(data, events)
        assert data.asked == [[0, 1], [3, 4], [6]]  # 7 shows what 6 shows; some at a time
        for number, row in enumerate(data.post_rows):
            if row["private"]:
                with pytest.raises(NotFound):
                    events.picture(row["post_id"])
            else:
                at = min(number, 6)
                expected = StoredPicture("image/png", data.post_rows[at]["image"])
                assert events.picture(row["post_id"]) == expected
        data.asked.clear()
        import_data(data, events)
        assert data.asked == []


def test_an_import_brings_no_picture_of_a_deleted_post_back(place):
    data = pictured(4)
    with place.open() as events:
        import_data(data, events)
        events.delete_post("p0")
        events.put_post(Post("p1", "ann", "hidden", private=True))
        data.asked.clear()
        import_data(data, events)
        assert data.asked == []
        assert not events.pictures([data.post_rows[0]["image_hash"]])
