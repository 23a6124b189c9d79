"""`commonspace index …` on a small index, without a model where none is needed."""

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from infra.cli import index as group
from recsys.events.records import Person, Post
from recsys.versions import Target
from tests.recsys.encoding import EncodingSpace
from tests.recsys.world import open_events, open_store, publish, unit_rows
from training.errors import Conflict, NotFound

if TYPE_CHECKING:
    from click.testing import Result

POSTS = [Post(f"p{i}", "ann", f"Post {i}", ("all",)) for i in range(4)]


@pytest.fixture
def run(tmp_path):
    def run(*arguments: str) -> "Result":
        return CliRunner().invoke(group.app, [*arguments, "--workspace", str(tmp_path)])

    return run


@pytest.fixture
def workspace(tmp_path):
    with open_events(tmp_path) as events, open_store(tmp_path) as store:
        events.add_posts(POSTS)
        for model in "12":
            publish(
                store, model, dict(zip(POSTS, unit_rows(4), strict=True)), {"ann": unit_rows(1)[0]}
            )
    return tmp_path


def result(done: "Result"):
    return json.loads(done.stdout)


def test_versions_are_listed_rolled_back_and_dropped(run, workspace):
    listed = result(run("versions", "--json"))
    assert [(one["build"], one["model_version"], one["live"], one["posts"]) for one in listed] == [
        (2, "2", True, 4),
        (1, "1", False, 4),
    ]
    assert all(one["begun"] for one in listed)
    assert "live" in run("versions").stdout.splitlines()[1]
    assert isinstance(run("drop", "2").exception, Conflict)
    assert result(run("rollback", "--json")) == {"build": 1, "model_version": "1"}
    assert run("drop", "2").stdout == "build 2 of model version 2 is gone\n"
    assert isinstance(run("rollback").exception, NotFound)
    assert [one["build"] for one in result(run("versions", "--json"))] == [1]


def test_an_index_that_agrees_ends_with_0(run, workspace):
    done = run("verify", "--json")
    assert done.exit_code == 0
    told = result(done)
    assert told["clean"] and told["marked"] and not any(told["differences"].values())
    assert told["counts"] == {"users": 1, "images": 4, "texts": 4, "posts": 4}
    assert run("verify").stdout.endswith(
        "build 2 of model version 2 agrees with the event database\n"
    )


def test_what_differs_is_told_with_examples_and_mended(run, workspace, monkeypatch):
    with open_events(workspace) as events:
        events.add_posts([Post("p0", "ann", "Post 0", ("new",)), Post("p9", "ann", "News")])
        events.delete_post("p1")
    done = run("verify", "--json")
    assert done.exit_code == 1
    told = result(done)
    assert told["differences"] == {
        "missing": 1,
        "outdated": 0,
        "mislabelled": 1,
        "extra": 1,
        "strangers": 0,
    }
    assert told["samples"]["extra"] == ["p1"] and told["samples"]["missing"] == ["p9"]
    page = run("verify").stdout
    assert "differs from the event database" in page and "p9" in page
    loaded = []
    monkeypatch.setattr(
        "training.tracking.registry.load_space",
        lambda version, tracking: loaded.append(version) or EncodingSpace(),
    )
    done = run("verify", "--repair", "--json")
    assert done.exit_code == 0
    told = result(done)
    assert told["clean"] and told["repaired"] == 3 and loaded == ["2"]
    with open_store(workspace) as store:
        assert store.live().fetch(Target.POSTS, ["p0", "p1", "p9"]).keys() == {"p0", "p9"}


def test_what_is_too_many_goes_without_a_model(run, workspace):
    with open_events(workspace) as events:
        events.add_people([Person("bob")])
        events.delete_person("ann")
    done = run("verify", "--repair")
    assert done.exit_code == 0
    assert "repaired: 5" in done.stdout


def test_an_index_that_is_served_is_mended_by_its_service(run, workspace, monkeypatch):
    with open_events(workspace) as events:
        events.delete_post("p1")
    monkeypatch.setattr("recsys.vectors.VectorStore.shared_folder", True)
    error = run("verify", "--repair").exception
    assert isinstance(error, Conflict) and "serve.repair_s" in error.hint


def test_a_repair_waits_for_nobody_who_is_indexing(run, workspace):
    with open_events(workspace) as events:
        events.delete_post("p1")
        with events.hold("index commonspace"):
            assert isinstance(run("verify", "--repair").exception, Conflict)


@pytest.mark.parametrize("command", ["verify", "rollback"])
def test_nothing_indexed_says_what_to_do(run, command):
    error = run(command).exception
    assert isinstance(error, NotFound) and error.hint == "run `commonspace index`"


def test_the_command_itself_still_takes_its_options(monkeypatch):
    asked = []
    monkeypatch.setattr("infra.cli.index._build", lambda *options: asked.append(options))
    app = typer.Typer()
    app.add_typer(group.app)
    done = CliRunner().invoke(app, ["index", "--model", "3", "--from-database", "--new"])
    assert done.exit_code == 0 and asked[0][1:] == ("3", True, True, False)
