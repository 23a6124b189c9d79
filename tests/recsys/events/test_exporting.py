"""What is exported and imported is as it was."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from recsys.config import EventsConfig
from recsys.events.boundaries import BoundaryKind
from recsys.events.database import Events
from recsys.events.exporting import export
from recsys.events.files import find_sources
from recsys.events.ingesting import ingest
from recsys.events.pictures import StoredPicture
from recsys.events.records import Person, Post, Reaction
from training.data.config import DataConfig
from training.data.fields import clean_text
from training.data.read import find_source, read_piece
from training.data.validate import Rules, check_rows
from training.errors import BadConfig, Conflict

FIXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def picture(red: int) -> StoredPicture:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (red, 0, 0)).save(file, "PNG")
    return StoredPicture("image/png", file.getvalue())


def bring_back(folder: Path, events: Events) -> list:
    sources = find_sources([str(folder)])
    return [ingest(one, events, DataConfig(), folder / "bad") for one in sources]


def all_of(events: Events) -> list:
    people = events.people()
    posts = events.posts(events.visibility())
    hashes = [post.image_hash for post in posts.values() if post.image_hash]
    return [
        [events.person(user) for user in people],
        posts,
        events.pictures(hashes),
        {user: events.reactions_of(user) for user in people},
        {user: events.boundaries.of(user) for user in people},
        events.tallies.of(posts),
    ]


def furnish(events: Events) -> None:
    when = datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=UTC)
    one = "ab" * 16
    events.put_post(
        Post("p", "ann", 'Said "é",\n then |', ("a|b", "c"), when, "en", False, one, "x"),
        picture(1),
    )
    events.put_post(Post("q", "ann", "secret", private=True, image_hash="cd" * 16), picture(2))
    events.put_post(Post("r", "bob", "r", ("[1]",), image_hash="ef" * 16))  # not stored
    events.add_people([Person("bob", "paints", one), Person("cid")])
    like = Reaction("cid", "p", "like", None, when)
    events.react(
        [like, Reaction("cid", "p", "rate", 0.1), Reaction("cid", "p", "like")], [None, "k", None]
    )
    events.boundaries.put("cid", BoundaryKind.MUTED_TAG, "a, 'b'")
    events.boundaries.put("cid", BoundaryKind.BLOCKED, "bob")
    events.put_post(Post("gone", "zoe", "x"))
    events.delete_person("zoe")


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_an_export_brings_everything_back_and_nothing_twice(place, tmp_path, format):
    folder = tmp_path / "export"
    with place.open() as events, place.fresh().open() as other:
        furnish(events)
        done = export(events, folder, format)
        assert done.rows == {"deleted": 2, "users": 3, "posts": 3, "reactions": 3, "boundaries": 2}
        assert done.pictures == 3
        for into, new in ((other, True), (other, False), (events, False)):
            reports = bring_back(folder, into)
            assert not any(one.rejected or one.refused for one in reports)
            if new:
                assert [one.recorded for one in reports] == [2, 3, 3, 3, 2]
            else:
                assert [one.recorded for one in reports[1:]] == [0, 0, 0, 0]
            assert all_of(into) == all_of(events)
            assert into.counts() == events.counts()
        other.add_posts([Post("gone", "ann", "x"), Post("new", "zoe", "x")])
        assert not other.posts(["gone", "new"])  # what was deleted stays so in the new place
        assert other.tallies.wrong() == []


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_an_export_is_a_data_set(events, tmp_path, format):
    furnish(events)
    folder = tmp_path / "out"
    export(events, folder, format)
    config = DataConfig(image_folder=str(folder / "images") if format == "csv" else None)
    for table, good in {"posts": 3, "users": 3}.items():
        source = find_source(table, str(folder / f"{table}.{format}"))
        rules = Rules(config, int(datetime.now(UTC).timestamp() * 1e6))
        rows = [
            row
            for piece in source.pieces
            for checked in check_rows(table, read_piece(table, piece), "", rules)
            for row in checked.to_pylist()
        ]
        assert [row["_reason"] for row in rows] == [None] * good
        assert sum(row["image"] is not None for row in rows) == {"posts": 2, "users": 1}[table]


def tidied(text: str) -> str:
    return clean_text(text, remove_controls=True) or "x"


clean = st.text(st.characters(codec="utf-8"), max_size=12).map(tidied)
words = clean | st.sampled_from(["a|b", '["a"]', "[", '"', "'", ",", "=1+1", "a\nb", "null", "1"])
moments = st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2026, 1, 1)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)
post_values = st.tuples(
    words, st.lists(words, max_size=3), moments, st.none() | words, st.booleans()
)


@given(
    st.lists(post_values, min_size=1, max_size=4),
    st.lists(
        st.tuples(moments, st.none() | st.floats(allow_nan=False, allow_infinity=False)), max_size=4
    ),
    st.sampled_from(["csv", "parquet"]),
)
@settings(max_examples=10, deadline=None, suppress_health_check=FIXED)
def test_whatever_is_kept_survives_the_way_through_files(
    tmp_path_factory, posts, reactions, format
):
    folder = tmp_path_factory.mktemp("way")
    with (
        Events(EventsConfig(), folder) as events,
        Events(EventsConfig(url="other.db"), folder) as other,
    ):
        events.add_posts(
            [
                Post(f"p{n}", "ann", text, tuple(tags), when, None, private, None, category)
                for n, (text, tags, when, category, private) in enumerate(posts)
            ]
        )
        batch = [
            Reaction(f"u{n}", "p0", "rate", value, when)
            for n, (when, value) in enumerate(reactions)
        ]
        events.react(batch, [str(n) for n in range(len(batch))])
        export(events, folder / "out", format)
        assert not any(report.rejected for report in bring_back(folder / "out", other))
        assert all_of(other) == all_of(events)


def test_an_export_is_there_whole_or_not_at_all(events, tmp_path, monkeypatch):
    furnish(events)
    with pytest.raises(BadConfig, match="csv or parquet"):
        export(events, tmp_path / "out", "xml")  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        export(events, tmp_path / "full")

    def stop(what: str, done: int, total: int) -> None:
        if what == "reactions":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(events, tmp_path / "out", progress=stop)
    assert not [one.name for one in tmp_path.iterdir() if "out" in one.name]
    (tmp_path / "file").write_text("x")
    with pytest.raises(Conflict, match="can't be written"):
        export(events, tmp_path / "file" / "out")


def test_an_export_is_of_one_moment(events, tmp_path):
    furnish(events)

    def meanwhile(what: str, done: int, total: int) -> None:
        if what == "users" and not total:
            events.put_post(Post("late", "dan", "x", created_at=datetime.now(UTC) - timedelta(1)))
            events.add_reactions([Reaction("dan", "p", "like")])

    export(events, tmp_path / "out", progress=meanwhile)
    assert "late" not in pq.read_table(tmp_path / "out" / "posts.parquet")["post_id"].to_pylist()
    assert len(pq.read_table(tmp_path / "out" / "reactions.parquet")) == 3
