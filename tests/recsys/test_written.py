"""What a build has written is told again as it was, and spares it listing all at its end."""

from hypothesis import given
from hypothesis import strategies as st

from recsys.events.records import Post
from recsys.index import build_index
from recsys.later_posts import no_posts, with_later_posts
from recsys.marks import Marks
from recsys.versions import Target
from recsys.written import Written
from tests.recsys.encoding import EncodingSpace
from tests.recsys.world import BEGINNING, open_events, open_store

WHOLE = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(st.tuples(st.from_regex(r"[A-Za-z0-9_.:@/-]{1,128}", fullmatch=True), WHOLE, WHOLE))


@given(pages=st.lists(st.tuples(st.sampled_from(list(Target)), ROWS)))
def test_rows_come_back_by_target_in_their_order(pages):
    with Written() as written:
        for target, rows in pages:
            named = [{"id": i, "content_mark": c, "fields_mark": f} for i, c, f in rows]
            written.add(target, [{**row, "vector": [0.5]} for row in named])
        for target in Target:
            expected = [(i, Marks(c, f)) for t, rows in pages if t is target for i, c, f in rows]
            assert [row for page in written.marks(target) for row in page] == expected
            assert [id for page in written.ids(target) for id in page] == [i for i, _ in expected]


def test_people_have_no_fields_and_nothing_is_left_behind():
    with Written() as written:
        folder = written._folder
        written.add(Target.USERS, [{"id": "ada", "content_mark": 7}])
        assert list(written.marks(Target.USERS)) == [[("ada", Marks(7, 0))]]
        assert list(written.marks(Target.POSTS)) == []
    assert not folder.exists()


def test_a_build_in_which_nothing_changed_lists_nothing(tmp_path, monkeypatch):
    listed = []
    with open_events(tmp_path) as events, open_store(tmp_path, batch_size=7) as store:
        posts = [Post(f"p{i}", f"by{i % 3}", f"Post {i}", (), BEGINNING) for i in range(20)]
        events.add_posts(posts)
        kind = type(store._milvus)
        called = kind.__call__

        def noted(self, method, *args, **kwargs):
            if method == "query_iterator":
                listed.append(args[0])
            return called(self, method, *args, **kwargs)

        monkeypatch.setattr(kind, "__call__", noted)
        space = EncodingSpace()
        table, contents = with_later_posts(space, no_posts(space), events)
        assert build_index(space, table, store, events, "1", contents=contents).changed == 0
        assert not listed
        events.put_post(Post("p3", "by0", "Other words", (), BEGINNING))  # after it was read
        report = build_index(space, table, store, events, "1", contents=contents)
        assert report.changed == 1 and report.counts[Target.POSTS] == 20
        assert listed


def test_a_build_without_room_for_its_record_lists_at_its_end(tmp_path, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Written, "add", full)
    with open_events(tmp_path) as events, open_store(tmp_path) as store:
        events.add_posts([Post(f"p{i}", "ada", f"Post {i}", (), BEGINNING) for i in range(5)])
        space = EncodingSpace()
        table, contents = with_later_posts(space, no_posts(space), events)
        report = build_index(space, table, store, events, "1", contents=contents)
        assert report.counts[Target.POSTS] == 5 and report.changed == 0
    assert "No space left on device" in caplog.text
