import json
from pathlib import Path
from urllib.parse import unquote

import pytest

from training.errors import BadData, NotFound
from training.tracking.artifact import build_model, folder_digest
from training.tracking.registry import register, space_folder
from training.tracking.run import open_run
from training.tracking.versions import list_models, read_config, show_model


def artifacts(version) -> Path:
    return Path(unquote(version.source.removeprefix("file://")))


def test_a_version_leads_back_to_data_config_and_commit(tracking, run, space_files):
    from training.tracking.run import GIT_COMMIT, GIT_DIRTY

    run.log_config(tracking.config)
    run.set_tags({GIT_COMMIT: "a" * 40, GIT_DIRTY: "true"})
    metrics = {"validation/mrr": 1 / 3, "validation/recall@10": 0.5}
    version = register(tracking, run.run_id, space_files(), metrics=metrics, card="# The card")
    assert version.version == 1
    assert version.metrics == {"validation/mrr": 1 / 3, "validation/recall_at_10": 0.5}
    assert (version.data_digest, version.split) == ("d" * 64, "validation")
    assert (version.run_id, version.git_commit, version.git_dirty) == (run.run_id, "a" * 40, True)
    assert version.config == f"runs:/{run.run_id}/config.yaml"
    assert version.decision is None
    assert read_config(tracking, version) == tracking.config.to_yaml()
    assert (artifacts(version) / "MODEL_CARD.md").read_text() == "# The card"


def test_a_version_is_found_by_all_its_names(tracking, registered):
    registered(0.1)
    second = registered(0.2)
    tracking.call(lambda c: c.set_registered_model_alias("commonspace", "champion", "2"))
    second = show_model(tracking, 2)
    assert second.aliases == ("champion",)
    for name in ("2", "champion", "@champion", "models:/commonspace/2"):
        assert show_model(tracking, name) == second
    assert show_model(tracking, "models:/commonspace@champion") == second
    assert [each.version for each in list_models(tracking)] == [2, 1]


def test_what_is_not_there_is_told_with_what_is(tracking, registered):
    with pytest.raises(NotFound, match="none is registered"):
        show_model(tracking)
    registered(0.1)
    tracking.call(lambda c: c.set_registered_model_alias("commonspace", "champion", "1"))
    with pytest.raises(NotFound, match=r"'7'.*there are 1 \(champion\)"):
        show_model(tracking, 7)
    with pytest.raises(NotFound, match="another registered model"):
        show_model(tracking, "models:/other/1")


def test_registering_again_after_a_crash_gives_the_same_version(tracking, run, space_files):
    folder = space_files(1.0)
    first = register(tracking, run.run_id, folder, metrics={"validation/mrr": 0.1})
    assert register(tracking, run.run_id, folder, metrics={"validation/mrr": 0.1}) == first
    again = register(tracking, run.run_id, space_files(2.0), metrics={"validation/mrr": 0.1})
    assert again.version == 2


def test_what_can_not_be_registered(tracking, tmp_path, run, space_files):
    other = open_run(tracking, tmp_path / "other", name="other")
    with pytest.raises(BadData, match="does not name its data"):
        register(tracking, other.run_id, space_files(), metrics={})
    with pytest.raises(BadData, match="not a saved space"):
        register(tracking, run.run_id, tmp_path / "none", metrics={})
    with pytest.raises(NotFound):
        register(tracking, "0" * 32, space_files(), metrics={})
    assert list_models(tracking) == []


def test_a_model_that_can_not_be_written_leaves_no_version(tracking, run, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "space.json").write_text("{}")
    with pytest.raises(KeyError):
        register(tracking, run.run_id, folder, metrics={})
    assert list_models(tracking) == []


def test_the_artifact_holds_source_and_weights_and_nothing_pickled(tmp_path, space_files):
    from mlflow.models import Model

    build_model(space_files(), tmp_path / "model", Model(), card="# Card")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert tmp_path / "model/code/training/space.py" in files
    kinds = {path.suffix for path in files}
    assert kinds <= {".py", ".json", ".safetensors", ".yaml", ".txt", ".md", ""}
    for path in files:
        start = path.read_bytes()[:2]
        assert start != b"PK" and start[:1] != b"\x80", f"{path} is a zip or a pickle"
    described = Model.load(tmp_path / "model")
    assert described.signature.params.to_dict()[0]["name"] == "modality"
    assert described.signature.outputs.to_dict()[0]["tensor-spec"]["shape"] == (-1, 8)
    assert described.flavors["python_function"]["model_code_path"].endswith("pyfunc_script.py")
    requirements = (tmp_path / "model/requirements.txt").read_text()
    assert "torch==" in requirements
    assert "+" not in requirements
    example = json.loads((tmp_path / "model/input_example.json").read_text())
    assert example["columns"] == ["text"]


def test_local_artifacts_are_used_where_they_lie(tracking, registered):
    version = registered(0.1)
    folder = space_folder(1, tracking)
    assert folder.is_relative_to(tracking.workspace / "mlartifacts")
    assert folder_digest(folder) == version.digest
    assert not tracking.model_cache.exists()
    (folder / "users.json").write_text("[]")
    with pytest.raises(BadData, match="not those that were registered"):
        space_folder(1, tracking)


def test_folders_need_no_registry(tmp_path, space_files):
    folder = space_files()
    assert space_folder(folder, None) == folder
    assert space_folder(str(folder), None) == folder
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("")
    assert space_folder(tmp_path / "model", None) == tmp_path / "model/artifacts/space"
    with pytest.raises(NotFound, match="no registry"):
        space_folder("models:/commonspace@champion", None)


def test_a_server_gives_the_model_back_once(remote, tmp_path, space_files, relay):
    run = open_run(remote, tmp_path / "run", name="remote")
    run.log_data("d" * 64, source="sample", counts={})
    source = space_files(3.0)
    version = register(remote, run.run_id, source, metrics={"validation/mrr": 0.1})
    folder = space_folder(version, remote)
    assert folder_digest(folder) == folder_digest(source)
    assert folder.is_relative_to(remote.model_cache)
    assert [path.name for path in remote.model_cache.iterdir()] == [version.model_id]
    relay.cut()
    assert space_folder(version, remote) == folder
