import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def post(number: int, **fields: object) -> dict:
    return {"post_id": f"p{number}", "user_id": "ann", "text": "a text"} | fields


def test_check_counts_good_and_bad_rows(
    ray_session: None, tmp_path: Path, commonspace: "Command"
) -> None:
    rows = [post(number) for number in range(40)]
    write(tmp_path / "posts.jsonl", *rows, post(40, text="rung\u0007"))
    write(
        tmp_path / "reactions.jsonl",
        {"user_id": "bob", "post_id": "p1", "kind": "like", "created_at": "2024-05-01T12:00:00Z"},
    )
    done = commonspace("data", "check", tmp_path, "--json")
    assert done.code == 0, done.err
    posts, reactions = done.result["tables"]["posts"], done.result["tables"]["reactions"]
    assert (posts["read"], posts["kept"]) == (41, 40)
    assert (reactions["read"], reactions["kept"]) == (1, 1)  # found in the same folder
    assert done.result["refusal"] is None
    page = commonspace("data", "check", tmp_path).out
    assert "control characters" in page and "posts.jsonl:" in page


def test_too_much_that_is_bad_is_an_error(
    ray_session: None, tmp_path: Path, commonspace: "Command"
) -> None:
    file = write(tmp_path / "posts.jsonl", post(1), post(2, text=None), post(3, text=None))
    done = commonspace("data", "check", file, "--json")
    assert done.code == 3
    assert "2 of 3 rows" in done.result["refusal"]  # scripts get the report all the same
    assert done.err.splitlines()[-2].startswith("error: 2 of 3 rows of posts are bad")
    allowed = commonspace("data", "check", file, "--set", "data.max_quarantined_share=0.9")
    assert allowed.code == 0


def test_bad_rows_are_written_where_the_user_says(
    ray_session: None, tmp_path: Path, commonspace: "Command"
) -> None:
    file = write(tmp_path / "posts.jsonl", post(1), *(post(n, text=None) for n in range(2, 9)))
    kept = tmp_path / "new" / "quarantine.parquet"
    done = commonspace("data", "check", file, "--quarantine", kept)
    assert done.code == 3 and str(kept) in done.err.splitlines()[-1]
    assert re.search(r"^empty post +7$", done.out, re.MULTILINE)
    rows = pq.read_table(kept).to_pylist()
    assert [(row["row"], row["field"], row["reason"]) for row in rows] == [
        (number, None, "empty post") for number in range(2, 9)
    ]
    assert list(kept.parent.iterdir()) == [kept]
    assert commonspace("data", "check", file, "--quarantine", tmp_path).code == 3


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check", "none.parquet"],
        ["train", "--set", "data.posts=none.parquet"],
        ["tune", "--set", "data.users=none.parquet"],
        ["benchmark", "--data", "none.parquet"],
        ["benchmark", "--reactions", "none.parquet"],
    ],
)
def test_a_mistyped_place_is_told_before_ray_starts(
    tmp_path: Path,
    commonspace: "Command",
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.setattr("infra.product.ray_session", lambda config: pytest.fail("Ray starts"))
    done = commonspace(*command, "--workspace", tmp_path / "w")
    assert done.code == 3
    assert done.err.startswith("error: none.parquet does not exist")


def test_the_sample_is_found_and_copied(tmp_path: Path, commonspace: "Command") -> None:
    shipped = commonspace("data", "sample", "--json").result["posts"]
    assert commonspace("data", "sample").out == f"{shipped}\n"
    copied = commonspace("data", "sample", "--to", tmp_path / "mine", "--json").result["posts"]
    assert copied == str(tmp_path / "mine" / "posts.parquet")
    assert pq.read_metadata(copied).num_rows == 4555
    again = commonspace("data", "sample", "--to", tmp_path / "mine")
    assert again.code == 5


def test_print_config_comes_back_the_same(
    tmp_path: Path, commonspace: "Command", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "hush")
    settings = ("--set", "loop.epochs=3", "--set", "index.prefix=mine")
    first = commonspace("train", "--print-config", *settings, "--workspace", tmp_path / "w")
    assert first.code == 0
    assert "epochs: 3" in first.out and f"workspace: {tmp_path / 'w'}" in first.out
    assert "hush" not in first.out
    file = tmp_path / "run.yaml"
    file.write_text(first.out)
    for command in ("train", "evaluate", "index"):
        assert commonspace(command, "--print-config", "--config", file).out == first.out
    assert not (tmp_path / "w").exists()


def test_a_synthetic_network_is_one_that_can_be_read(
    ray_session: None, tmp_path: Path, commonspace: "Command"
) -> None:
    folder = tmp_path / "made-up"
    size = ("--posts", "300", "--people", "40", "--flaws", "0.02", "--shards", "2")
    done = commonspace("data", "synthetic", "--to", folder, *size, "--json")
    assert done.code == 0, done.err
    report = commonspace("data", "check", folder, "--json").result
    posts, reactions = report["tables"]["posts"], report["tables"]["reactions"]
    assert posts["read"] == 300 == posts["kept"] + done.result["flaws"]
    assert reactions["read"] == reactions["kept"] + done.result["orphans"]
    again = commonspace("data", "synthetic", "--to", folder, *size)
    assert again.code != 0 and "not empty" in again.err
    few = commonspace("data", "synthetic", "--to", tmp_path / "x", "--posts", "3", "--people", "9")
    assert few.code != 0 and "9 people" in few.err
