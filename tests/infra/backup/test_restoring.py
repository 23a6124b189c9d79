"""A backup of a workspace in use, brought into an empty one: same answers, nobody comes back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.backup.copying import back_up
from infra.backup.databases import postgres_programs
from infra.backup.manifest import FILE
from infra.backup.restoring import Restored, restore
from infra.benchmarks.postgres import cluster, programs
from infra.forgetting import places_of
from infra.product import ProductConfig, load_config, open_recommender, open_tracking
from recsys.events.database import Events
from recsys.events.schema import head
from recsys.forgetting.forget import forget_person
from serving.security.keys import KeyStore, Scope
from training.data.clean import CleanData
from training.data.forgotten import FILE as FORGOTTEN
from training.data.forgotten import Forgotten
from training.errors import BadData, Conflict, NotFound, Unavailable
from training.tracking.registry import load_space
from training.tracking.versions import show_model

if TYPE_CHECKING:
    from tests.infra.retrained import Retrained

pytest_plugins = ["tests.infra.retrained"]
STILL = ["recommend.exploration.share=0"]
"""What is drawn by the hour is left out of a comparison of answers."""


@pytest.fixture(scope="module")
def key(retrained: "Retrained") -> str:
    with KeyStore(retrained.config.events, retrained.config.workspace) as keys:
        return keys.create("shop", [Scope.READ])[0].key_id


@pytest.fixture(scope="module")
def place(retrained: "Retrained", key: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    target = tmp_path_factory.mktemp("backups") / "one"
    done = back_up(retrained.config, str(target))
    assert done.bytes > 100_000
    return str(target)


@pytest.fixture(scope="module")
def restored(ray_session: None, place: str, tmp_path_factory: pytest.TempPathFactory) -> Restored:
    return restore(place, tmp_path_factory.mktemp("new") / "work space", overrides=STILL)


def answers(config: ProductConfig) -> dict[str, list[tuple[str, float]]]:
    with open_recommender(config, with_model=True) as recommender:
        with Events(config.events, config.workspace) as events:
            people = events.people()
        found: dict[str, Any] = {
            person: [(each.post_id, each.score) for each in recommender.recommend(person, 8)]
            for person in people
        }
        for person in people:
            found[f"like {person}"] = [
                (each.user_id, each.score) for each in recommender.similar(person, 3)
            ]
        return found


def test_the_same_answers(retrained: "Retrained", restored: Restored):
    before = load_config(retrained.settings, STILL)
    after = load_config(restored.settings)
    old, new = answers(before), answers(after)
    assert len(old) == 12 and all(old.values())
    for asked, expected in old.items():
        assert [id for id, _ in new[asked]] == [id for id, _ in expected], asked
        scores = [score for _, score in new[asked]]
        assert scores == pytest.approx([score for _, score in expected], abs=1e-5)


def test_models_keys_and_history_came_along(retrained: "Retrained", restored: Restored, key: str):
    config = load_config(restored.settings)
    assert config.workspace == restored.workspace
    model = show_model(open_tracking(config), "champion")
    assert model.source.startswith(restored.workspace.as_uri())
    assert load_space("champion", open_tracking(config)).users
    with KeyStore(config.events, config.workspace) as keys:
        assert keys.get(key).name == "shop"
    assert (restored.workspace / "pipelines" / "first" / "state.json").exists()
    assert restored.manifest.counts["posts"] > 50
    old = str(retrained.config.workspace).encode()
    named = restored.workspace / "mlflow.db"
    assert old not in named.read_bytes() or restored.workspace.is_relative_to(
        retrained.config.workspace
    )


def test_who_was_forgotten_stays_forgotten(
    restored: Restored, place: str, tmp_path: Path, ray_session: None
):
    config = load_config(restored.settings)
    with Events(config.events, config.workspace) as events:
        person = events.people()[0]
    forget_person(places_of(config), person)
    later = str(tmp_path / "later")
    back_up(config, later)
    of_later = restore(later, tmp_path / "w2", index=False)
    of_older = restore(place, tmp_path / "w3", index=False, forgotten=config.workspace / FORGOTTEN)
    comes_back = restore(place, tmp_path / "w4", index=False)
    assert (of_later.forgotten, of_older.forgotten, comes_back.forgotten) == (0, 1, 0)
    for done, there in ((of_later, False), (of_older, False), (comes_back, True)):
        found = load_config(done.settings)
        with Events(found.events, found.workspace) as events:
            assert (person in events.people()) == there
        users = load_space("champion", open_tracking(found)).users
        assert (person in users) == there
        assert Forgotten.read(done.workspace / FORGOTTEN).person(person) != there


def test_a_damaged_backup_leaves_nothing(place: str, tmp_path: Path):
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(place, broken)
    with (broken / "events.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff\x00\xff")
    with pytest.raises(BadData, match=r"events\.db"):
        restore(str(broken), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_what_is_refused(place: str, restored: Restored, tmp_path: Path):
    import shutil

    with pytest.raises(Conflict, match="not empty"):
        restore(place, restored.workspace)
    with pytest.raises(NotFound):
        restore(str(tmp_path), tmp_path / "new")
    with pytest.raises(NotFound, match="no list of the forgotten"):
        restore(place, tmp_path / "new", forgotten=tmp_path / "typo.txt")
    assert not (tmp_path / "new").exists()
    newer = tmp_path / "newer"
    shutil.copytree(place, newer)
    plain = json.loads((newer / FILE).read_text())
    assert plain["events_revision"] == head()
    plain["events_revision"] = "r9999"
    (newer / FILE).write_text(json.dumps(plain))
    with pytest.raises(Conflict, match="r9999"):
        restore(str(newer), tmp_path / "new")
    with pytest.raises(NotFound, match="no event database"):
        back_up(load_config(workspace=tmp_path / "empty"), str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(
    programs() is None or postgres_programs() is None, reason="no Postgres is installed"
)
def test_postgres_there_and_back(tmp_path: Path, retrained: "Retrained"):
    from recsys.events.importing import import_data

    digest = retrained.done.record.data_digest
    data = CleanData.open(Path(retrained.config.workspace) / "data" / digest)
    with cluster(careless=True) as server:
        first, second = (server.create(name) for name in ("first", "second"))
        config = load_config(None, [f"events.url={first}"], tmp_path / "old")
        with Events(config.events, config.workspace) as events:
            import_data(data, events)
            people, counts = events.people(), events.counts()
        done = back_up(config, str(tmp_path / "backup"))
        assert done.manifest.events == "postgresql" and done.manifest.live is None
        with pytest.raises(Conflict, match="holds tables already"):
            restore(done.place, tmp_path / "over")
        assert not (tmp_path / "over").exists()
        new = restore(done.place, tmp_path / "new", overrides=[f"events.url={second}"])
        assert new.indexed is None
        found = load_config(new.settings)
        with Events(found.events, found.workspace) as events:
            assert events.people() == people and events.counts() == counts
        server.drop("first")
        with pytest.raises(Unavailable):
            back_up(config, str(tmp_path / "again"))


def test_the_commands(retrained: "Retrained", place: str, tmp_path: Path, capsys, monkeypatch):
    import sys

    from infra.cli import main

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["commonspace", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main.main()
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out, captured.err

    to = tmp_path / "by-command"
    asked = ("backup", "--to", to, "--config", retrained.settings)
    code, out, _ = run(*asked, "--with-data", "--json")
    made = json.loads(out)
    assert code == 0 and made["versions"] == [made["champion"]] == [int(made["live"])]
    assert run(*asked)[0] == 5
    code, out, _ = run("restore", to, "--workspace", tmp_path / "back", "--no-index")
    assert code == 0 and "commonspace index --from-database" in out
    data = CleanData.open(tmp_path / "back" / "data" / retrained.done.record.data_digest)
    assert len(data.posts()) == made["counts"]["posts"]
    code, _, err = run("restore", to, "--workspace", tmp_path / "back", "--no-index")
    assert code == 5 and "is not empty" in err
    with (to / "mlflow.db").open("ab") as file:
        file.write(b"x")
    code, _, err = run("restore", to, "--workspace", tmp_path / "other")
    assert code == 3 and "mlflow.db" in err and not (tmp_path / "other").exists()
