import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command

POSTS = "post_id,user_id,text,tags,category\np,ann,A heron,bird|lake,birds\nq,bob,,,\n"
LIKE = {"user_id": "zoe", "post_id": "p", "kind": "like", "created_at": "2026-01-01"}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "posts.csv").write_text(POSTS)
    rows = [LIKE, LIKE | {"kind": "lik"}, LIKE | {"created_at": "2099-01-01"}]
    (tmp_path / "in" / "likes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "in"


def test_files_go_in_and_out_and_in_again(
    files: Path, tmp_path: Path, commonspace: "Command"
) -> None:
    here = ("--workspace", tmp_path / "here", "--json")
    there = ("--workspace", tmp_path / "there", "--json")
    posts, likes = commonspace("events", "import", files, *here).result
    assert (posts["table"], posts["recorded"], posts["rejected"]) == ("posts", 1, 1)
    assert (likes["recorded"], likes["rejected"]) == (1, 2)
    kept = [json.loads(line) for line in Path(likes["quarantine"]).read_text().splitlines()]
    assert [(bad["row"], bad["field"], bad["reason"]) for bad in kept] == [
        (2, "kind", "unknown kind"),
        (3, "created_at", "date in the future"),
    ]
    again = commonspace("events", "import", files, *here).result
    assert [one["recorded"] for one in again] == [0, 0]
    out = commonspace("events", "export", "--to", tmp_path / "out", "--format", "csv", *here)
    assert out.result["rows"]["reactions"] == 1
    commonspace("events", "import", tmp_path / "out", *there)
    stats = commonspace("events", "stats", "--verify", *there).result
    assert stats == commonspace("events", "stats", "--verify", *here).result
    assert (stats["posts"], stats["reactions"], stats["wrong_tallies"]) == (1, {"like": 1}, 0)


def test_people_see_what_came_in_and_what_is_bad(
    files: Path, tmp_path: Path, commonspace: "Command"
) -> None:
    done = commonspace("events", "import", files, "--workspace", tmp_path / "here")
    assert done.code == 0, done.err
    assert f"{files}/likes.jsonl:2" in done.out.replace("likes.jsonl:2", f"{files}/likes.jsonl:2")
    assert "allowed: click, comment" in done.out
    assert "all bad rows: " in done.err and "quarantine/likes.jsonl-" in done.err
    page = commonspace("events", "stats", "--workspace", tmp_path / "here").out
    assert "reactions: like" in page


def test_mistakes_say_what_is_allowed(files: Path, tmp_path: Path, commonspace: "Command") -> None:
    here = ("--workspace", tmp_path / "here")
    bad = commonspace("events", "import", files, "--as", "people", *here)
    assert bad.code == 2 and "deleted, users, posts, reactions, boundaries" in bad.err
    bad = commonspace("events", "export", "--to", tmp_path / "out", "--format", "xml", *here)
    assert bad.code == 2 and "csv or parquet" in bad.err
    bad = commonspace("events", "export", "--to", files, *here)
    assert bad.code == 5 and "not empty" in bad.err
    assert commonspace("events", "import", tmp_path / "nothing.csv", *here).code == 3
    (files / "worse.jsonl").write_text(json.dumps(LIKE | {"kind": "lik"}) + "\n")
    bad = commonspace("events", "import", files / "worse.jsonl", *here)
    assert bad.code == 3 and "no row of" in bad.err and "hint: see" in bad.err
