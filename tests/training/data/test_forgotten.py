import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.events import tombstones
from training.data.config import DataConfig, SplitConfig
from training.data.excluding import holds_rows
from training.data.forgotten import FILE, REASON, Forgotten
from training.data.identity import map_id, tombstone
from training.data.prepare import prepare
from training.data.raw import Malformed, RawRow
from training.data.validate import Rules, check_rows
from training.errors import BadData

PEOPLE, POSTS = ["ann", "ann2", "bob", "an"], ["p/1", "p/10", "p/2", "q"]
ids = st.from_regex(r"\A[A-Za-z0-9_.:@/-]{1,40}\Z")


def listed(*, people: tuple[str, ...] = (), posts: tuple[str, ...] = ()) -> Forgotten:
    return Forgotten(
        frozenset(
            [tombstone("person", id) for id in people] + [tombstone("post", id) for id in posts]
        )
    )


@settings(deadline=None)
@given(ids)
def test_hashes_are_those_of_the_tombstones_in_databases(id: str) -> None:
    assert tombstone("person", id) == tombstones.of_person(id)
    assert tombstone("post", id) == tombstones.of_post(id)


rows = st.fixed_dictionaries(
    {"post_id": st.sampled_from(POSTS), "user_id": st.sampled_from(PEOPLE)},
)


@settings(deadline=None)  # the first example pays for what is loaded late
@given(
    st.lists(rows, max_size=12),
    st.sets(st.sampled_from(PEOPLE)),
    st.sets(st.sampled_from(POSTS)),
    st.sampled_from(["posts", "reactions", "users"]),
    st.booleans(),
)
def test_nothing_of_the_forgotten_is_left_and_all_of_others_is(
    given_rows: list[dict[str, str]],
    people: set[str],
    posts: set[str],
    table: str,
    bad: bool,
) -> None:
    """Whether rows are good, bad for another reason, or of the forgotten."""
    extra: dict[str, Any] = {"text": "hello", "kind": "like", "created_at": "2024-01-01"}
    if bad:
        extra = {"text": 7, "kind": "?", "created_at": "never"}
    raw = [RawRow(number, {**row, **extra}) for number, row in enumerate(given_rows, start=1)]
    rules = Rules(DataConfig(), 10**18, listed(people=tuple(people), posts=tuple(posts)))
    blocks = [block.to_pylist() for block in check_rows(table, raw, "file", rules)]
    checked = [row for block in blocks for row in block]
    assert len(checked) == len(given_rows)
    for before, after in zip(given_rows, checked, strict=True):
        theirs = before["user_id"] in people or (table != "users" and before["post_id"] in posts)
        assert (after["_reason"] == REASON) == theirs
        if theirs:
            left = {k: v for k, v in after.items() if v is not None}
            assert set(left) <= {"_reason", "_file", "_row", "_key"}
        elif not bad:
            assert after["user_id"] == before["user_id"]


def test_a_line_that_is_no_row_is_looked_through() -> None:
    broken = Malformed("malformed row", "", '{"user_id": "ann", "text": ')  # type: ignore[arg-type]
    assert listed(people=("ann",)).row("posts", broken, DataConfig())
    assert not listed(people=("an",)).row("posts", broken, DataConfig())


def test_whole_numbers_and_mapped_ids_are_ids() -> None:
    values: Mapping[str, Any] = {"user_id": 7, "post_id": "ä ö"}
    assert listed(people=("7",)).row("posts", values, DataConfig())
    assert listed(posts=(map_id("ä ö"),)).row("posts", values, DataConfig(ids="map"))


@settings(deadline=None)
@given(st.sets(ids, max_size=20))
def test_a_list_comes_back(people: set[str]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / FILE
        written = listed(people=tuple(people))
        assert written.write(path) == bool(people)
        assert not written.write(path)
        assert Forgotten.read(path) == written


def test_a_broken_list_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("ann\n")
    with pytest.raises(BadData, match="line 1"):
        Forgotten.read(tmp_path / FILE)


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.usefixtures("ray_session")
def test_prepared_data_leaves_them_out(tmp_path: Path) -> None:
    """Posts, profiles and reactions; and no quarantine keeps what it refuses."""
    posts = [{"post_id": f"p/{n}", "user_id": f"user{n % 4}", "text": f"t {n}"} for n in range(40)]
    posts.append({"post_id": "p/bad", "user_id": "user3", "text": 5})
    likes = [
        {
            "user_id": f"user{(n + 1) % 4}",
            "post_id": f"p/{n}",
            "kind": "like",
            "created_at": "2024-01-01",
        }
        for n in range(40)
    ]
    config = DataConfig(
        posts=write(tmp_path / "posts.jsonl", posts),
        reactions=write(tmp_path / "likes.jsonl", likes),
        max_quarantined_share=0.2,
    )
    workspace = tmp_path / "workspace"
    whole = prepare(config, SplitConfig(), workspace)
    gone = listed(people=("user3",), posts=("p/0",))
    gone.write(workspace / FILE)
    data = prepare(config, SplitConfig(), workspace)
    assert data.root != whole.root
    # 11 posts of user3, p/0; likes by user3, to theirs, and the one to p/0
    assert data.manifest.report.forgotten == {"posts": 12, "reactions": 21}
    assert not data.quarantine().num_rows
    assert set(data.users(["user_id"])["user_id"].to_pylist()) == {"user0", "user1", "user2"}
    assert "p/0" not in data.posts(["post_id"])["post_id"].to_pylist()
    assert holds_rows(whole.root, gone) and not holds_rows(data.root, gone)
    # a longer list that meets no further row is no reason to read everything again
    Forgotten(gone.digests | listed(people=("stranger",)).digests).write(workspace / FILE)
    again = prepare(config, SplitConfig(), workspace)
    assert again.root == data.root and again.manifest == data.manifest
    other = prepare(config, SplitConfig(seed=1), workspace)
    part = "posts/part-00000.parquet"
    assert (other.root / part).stat().st_ino == (data.root / part).stat().st_ino
    assert other.manifest.report.forgotten == data.manifest.report.forgotten
    Forgotten().write(workspace / FILE)
    assert prepare(config, SplitConfig(), workspace).root == whole.root
