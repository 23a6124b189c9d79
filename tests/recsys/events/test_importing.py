from dataclasses import dataclass

import pyarrow as pa

from recsys.events.importing import ImportReport, import_data
from recsys.events.records import Person, Post, Reaction
from tests.recsys.world import BEGINNING, open_events
from training.data.tables import POSTS, REACTIONS, USERS


@dataclass(frozen=True)
class Tables:
    """Cleaned tables in memory, under the methods of `CleanData`."""

    post_rows: list[dict]
    reaction_rows: list[dict]
    user_rows: list[dict]

    def posts(self, columns):
        return pa.Table.from_pylist(self.post_rows, POSTS).select(columns)

    def reactions(self):
        return pa.Table.from_pylist(self.reaction_rows, REACTIONS)

    def users(self):
        return pa.Table.from_pylist(self.user_rows, USERS)


def tables() -> Tables:
    posts = [
        {"post_id": "p0", "user_id": "ann", "text": "One. Two", "tags": ["x"], "private": False},
        {"post_id": "p1", "user_id": "bob", "image_hash": "ab" * 16, "private": True},
    ]
    like = {"user_id": "cid", "post_id": "p0", "kind": "like", "created_at": BEGINNING}
    people = [{"user_id": "ann", "text": "paints"}, {"user_id": "bob"}, {"user_id": "cid"}]
    return Tables(posts, [like], people)


def test_clean_data_becomes_posts_reactions_and_people(tmp_path):
    with open_events(tmp_path) as events:
        assert import_data(tables(), events) == ImportReport(2, 1, 3, 0)
        assert events.posts(["p0", "p1"]) == {
            "p0": Post("p0", "ann", "One. Two", ("x",)),
            "p1": Post("p1", "bob", private=True, image_hash="ab" * 16),
        }
        assert events.reactions_of("cid") == [Reaction("cid", "p0", "like", None, BEGINNING)]
        assert events.person("ann") == Person("ann", "paints")


def test_importing_again_changes_nothing_and_brings_back_nothing(tmp_path):
    with open_events(tmp_path) as events:
        import_data(tables(), events)
        import_data(tables(), events)
        assert len(events.reactions_table()) == 1
        events.delete_post("p0")
        events.delete_person("bob")
        assert import_data(tables(), events) == ImportReport(0, 0, 2, 4)
        assert events.posts(["p0", "p1"]) == {}
        assert events.people() == ["ann", "cid"]
