import pytest
import yaml

from training.errors import BadConfig, Conflict, NotFound
from training.run_config import RunConfig
from training.run_folder import RunFolder, fresh_name, runs

CONFIG = RunConfig()


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    folder = RunFolder(tmp_path, "first")
    folder.path.mkdir(parents=True)
    return folder


def test_a_used_name_is_not_reused_in_silence(folder, tmp_path):
    folder.claim(CONFIG, resume=False, new=False)
    with pytest.raises(Conflict, match="--resume"):
        folder.claim(CONFIG, resume=False, new=False)
    assert runs(tmp_path) == ["first"]


def test_new_begins_anew_and_keeps_the_lock(folder):
    folder.claim(CONFIG, resume=False, new=False)
    (folder.path / "owner").write_text("token")
    folder.checkpoints.mkdir()
    folder.claim(CONFIG, resume=False, new=True)
    assert not folder.checkpoints.exists()
    assert (folder.path / "owner").read_text() == "token"


def test_resuming_needs_the_same_configuration_but_for_where_it_runs(folder):
    folder.claim(CONFIG, resume=False, new=False)
    elsewhere = RunConfig.load(overrides=["scaling.workers=8", "tracking.experiment=other"])
    folder.claim(elsewhere, resume=True, new=False)
    with pytest.raises(Conflict, match="differs from the run's in loop"):
        folder.claim(RunConfig.load(overrides=["loop.epochs=99"]), resume=True, new=False)


def test_nothing_to_resume_is_told(folder):
    with pytest.raises(NotFound, match="no run 'first' to resume"):
        folder.claim(CONFIG, resume=True, new=False)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 101, "a b"])
def test_a_name_that_is_no_folder_is_refused(tmp_path, name):
    with pytest.raises(BadConfig, match="not usable"):
        RunFolder(tmp_path, name)


def test_a_fresh_name_is_usable(tmp_path):
    assert RunFolder(tmp_path, fresh_name()).path.parent == tmp_path / "runs"


def test_a_run_of_an_earlier_release_goes_on(folder):
    """Whose file knows nothing of `acceleration`, and has bf16 where it was then."""
    folder.claim(CONFIG, resume=False, new=False)
    saved = folder.path / "config.yaml"
    fields = yaml.safe_load(saved.read_text(encoding="utf-8"))
    del fields["acceleration"]
    fields["loop"]["bf16"] = False
    saved.write_text(yaml.safe_dump(fields), encoding="utf-8")
    faster = RunConfig.load(overrides=["acceleration.sharding=fsdp"])
    folder.claim(faster, resume=True, new=False)
    assert RunConfig.load(saved) == faster
