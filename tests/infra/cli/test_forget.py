"""The commands, on a workspace that holds a small world everywhere."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from recsys.forgetting.keeper import Places
from tests.infra.cli.conftest import Command
from tests.recsys.forgetting.workspace import Stocked, stocked
from training.data.forgotten import Forgotten

WHO = "person3"


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Stocked:
    return stocked(tmp_path_factory.mktemp("stock") / "workspace")


@pytest.fixture
def full(stock: Stocked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stocked:
    workspace = tmp_path / "workspace"
    shutil.copytree(stock.workspace, workspace)
    monkeypatch.setenv("COMMONSPACE_WORKSPACE", str(workspace))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return replace(stock, places=Places(workspace))


def test_a_person_is_looked_for_forgotten_and_looked_for_again(
    full: Stocked, commonspace: Command
) -> None:
    dry = commonspace("forget", "person", WHO, "--dry-run")
    assert dry.code == 0 and "6 posts would go" in dry.out and "events.db" in dry.out
    found = commonspace("forget", "verify", WHO, "--json")
    assert found.code == 1 and not json.loads(found.out)["clean"]
    done = commonspace("forget", "person", WHO, "--json")
    assert done.code == 0, done.err
    assert done.result["complete"] and WHO not in done.out
    kept = full.workspace / "forgetting" / "receipts" / f"{done.result['digest']}.json"
    assert json.loads(kept.read_text())[0] == done.result
    after = commonspace("forget", "verify", WHO)
    assert after.code == 0 and "it stands nowhere" in after.out
    assert "nothing there" in commonspace("forget", "person", WHO).out


def test_a_post(full: Stocked, commonspace: Command) -> None:
    done = commonspace("forget", "post", "post/018")
    assert done.code == 0 and "versions written anew" in done.out
    assert commonspace("forget", "verify", "post/018").code == 0
    assert commonspace("forget", "verify", WHO).code == 1


def test_mistakes(full: Stocked, commonspace: Command) -> None:
    unknown = commonspace("forget", "person", "persn3")
    assert unknown.code == 4 and WHO in unknown.err and "Traceback" not in unknown.err
    assert commonspace("forget", "post", "nothing").code == 4
    assert commonspace("forget", "post", "../etc", "--dry-run").code == 4
    assert commonspace("forget", "person", WHO, "--folder", "absent").code == 2


def test_a_place_in_use_is_an_error_that_says_so(full: Stocked, commonspace: Command) -> None:
    from training.checkpoint import owned

    with owned(full.workspace / "runs" / "first"):
        done = commonspace("forget", "person", WHO)
    assert done.code == 5 and "run first, which is being trained now" in done.out
    assert commonspace("forget", "person", WHO).code == 0


def test_the_list(full: Stocked, tmp_path: Path, commonspace: Command) -> None:
    assert commonspace("forget", "list", "--json").result["forgotten"] == 0
    commonspace("forget", "post", "post/018")
    done = commonspace("forget", "list", "--to", tmp_path / "list.txt", "--json")
    assert done.result == {"forgotten": 1, "file": str(tmp_path / "list.txt")}
    assert Forgotten.read(tmp_path / "list.txt").post("post/018")
    assert commonspace("forget", "list", "--to", tmp_path).code == 5


def test_what_the_service_forgot_reaches_the_next_training(full: Stocked) -> None:
    from infra.forgetting import bring_list
    from infra.product import load_config
    from tests.recsys.world import open_events

    with open_events(full.workspace) as events:
        events.delete_post("post/000")
    assert bring_list(load_config(workspace=full.workspace)) == 1
    assert Forgotten.read(full.workspace / "forgotten.txt").post("post/000")


def test_a_workspace_without_events_has_no_list(tmp_path: Path) -> None:
    from infra.forgetting import bring_list
    from infra.product import load_config

    assert bring_list(load_config(workspace=tmp_path)) == 0
    assert not list(tmp_path.iterdir())


def test_export(full: Stocked, tmp_path: Path, commonspace: Command) -> None:
    done = commonspace("forget", "export", WHO, "--to", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    assert done.result["counts"]["posts"] == 6
    assert commonspace("forget", "export", WHO, "--to", tmp_path / "out").code == 5
