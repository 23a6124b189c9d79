import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.training.planted import PEOPLE_EACH, SUBJECTS
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command

pytest_plugins = ["tests.infra.cli.planted_run"]

EVERYONE = len(SUBJECTS) * PEOPLE_EACH


def test_communities_are_found_written_and_logged(
    planted_run: Tracking, commonspace: "Command", tmp_path: Path
) -> None:
    folder = tmp_path / "groups"
    where = ("--model", "first", "--workspace", planted_run.workspace)
    done = commonspace("communities", "--to", folder, "--seed", 1, "--json", *where)
    assert done.code == 0, done.err
    result = done.result
    assert result["method"] == "louvain"
    assert 0 <= result["stability"]["seeds"] <= 1
    sizes = [len(community["people"]) for community in result["communities"]]
    assert sizes == [community["size"] for community in result["communities"]]
    assert sum(sizes) + len(result["outside"]) + len(result["without_place"]) == EVERYONE
    for community in result["communities"]:
        assert community["name"] and community["words"] and community["posts"]
    for name, path in result["files"].items():
        assert Path(path).parent == folder, name
        assert Path(path).stat().st_size > 500
    written = json.loads((folder / "communities.json").read_text(encoding="utf-8"))
    assert written == {name: value for name, value in result.items() if name != "files"}
    logged = planted_run.call(
        lambda client: client.list_artifacts(result["mlflow_run_id"], "communities")
    )
    assert len(logged) == 4


def test_as_people_read_it_with_the_other_method(
    planted_run: Tracking, commonspace: "Command"
) -> None:
    where = ("--model", "first", "--workspace", planted_run.workspace)
    done = commonspace("communities", "--method", "hdbscan", "--level", 3, "--least", 2, *where)
    assert done.code == 0, done.err
    first, second, *rest = done.out.splitlines()
    assert " communities of " in first
    assert second.startswith("stability (adjusted Rand): ")
    assert second.endswith("hdbscan, level 3")
    assert any(line.startswith("  1. ") for line in rest)
    assert str(planted_run.workspace / "runs" / "first" / "communities" / "map.html") in rest[-1]


def test_what_cannot_be_is_told_before_anything_starts(
    planted_run: Tracking, commonspace: "Command"
) -> None:
    where = ("--model", "first", "--workspace", planted_run.workspace)
    unknown = commonspace("communities", "--method", "luvain", *where)
    assert unknown.code == 2
    assert "did you mean 'louvain'?" in unknown.err
    assert commonspace("communities", "--level", -1, *where).code == 2
    assert commonspace("communities", "--least", 1, *where).code == 2
    missing = commonspace("communities", "--model", "none", *where[2:])
    assert missing.code == 4
    for done in (unknown, missing):
        assert done.out == ""
        assert "Traceback" not in done.err
        assert "Reading" not in done.err
