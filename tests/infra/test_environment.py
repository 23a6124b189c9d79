from pathlib import Path

import pytest

from infra.environment import cluster, environment_overrides
from infra.product import ProductConfig, load_config
from training.errors import BadConfig
from training.run_config import RunConfig

REMOTE = "https://ray.example.org"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("COMMONSPACE_WORKSPACE", "MLFLOW_TRACKING_URI", "RAY_ADDRESS", "MILVUS_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def test_later_settings_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("workspace: from-file\nloop: {epochs: 3, seed: 4}\n")
    assert load_config(file).workspace == Path("from-file")
    monkeypatch.setenv("COMMONSPACE_WORKSPACE", "from-environment")
    assert load_config(file).workspace == Path("from-environment")
    assert load_config(file, ["workspace=from-set"]).workspace == Path("from-set")
    named = load_config(file, ["workspace=from-set", "loop.epochs=7"], Path("from-option"))
    assert named.workspace == Path("from-option")
    assert (named.loop.epochs, named.loop.seed) == (7, 4)


def test_a_file_of_settings_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, given = tmp_path / "named.yaml", tmp_path / "given.yaml"
    named.write_text("loop: {epochs: 3}\n")
    given.write_text("loop: {seed: 4}\n")
    monkeypatch.setenv("COMMONSPACE_CONFIG", str(named))
    assert load_config().loop.epochs == 3
    assert load_config(given).loop.epochs == ProductConfig().loop.epochs  # it takes its place
    monkeypatch.setenv("COMMONSPACE_CONFIG", str(tmp_path / "none.yaml"))
    with pytest.raises(BadConfig, match=r"none\.yaml does not exist"):
        load_config()


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("root:1234\n")
    assert environment_overrides({"MILVUS_TOKEN_FILE": str(file)}) == ['index.token="root:1234"']
    both = {"MILVUS_TOKEN_FILE": str(file), "MILVUS_TOKEN": "mine"}
    assert environment_overrides(both) == ['index.token="mine"']
    for bad in (tmp_path / "none", tmp_path):
        with pytest.raises(BadConfig, match="MILVUS_TOKEN_FILE"):
            environment_overrides({"MILVUS_TOKEN_FILE": str(bad)})


def test_variables_are_texts_whatever_they_look_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "12345")
    monkeypatch.setenv("COMMONSPACE_EVENTS_PASSWORD", "null: [")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    config = load_config()
    assert config.index.token and config.index.token.get_secret_value() == "12345"
    assert config.events.password and config.events.password.get_secret_value() == "null: ["
    assert config.tracking.uri == "http://mlflow:5000"


@pytest.mark.parametrize("address", ["local", "http://head:8265", REMOTE])
def test_a_ray_address_that_names_no_cluster_to_join(address: str) -> None:
    assert environment_overrides({"RAY_ADDRESS": address}) == []
    assert environment_overrides({"RAY_ADDRESS": "10.0.0.1:6379"}) == [
        'ray.address="10.0.0.1:6379"'
    ]


def test_what_is_shared_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "root:hush")
    config = load_config(overrides=["index.prefix=mine", "ray.address=10.0.0.1:6379"])
    shared = config.shareable()
    assert "hush" not in shared.to_yaml() and "***" not in shared.to_yaml()
    assert shared.index.token is None
    assert shared.model_copy(update={"index": config.index}) == config
    assert config.for_cluster().ray.address is None


def test_a_runs_own_file_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    run = RunConfig.load(None, ["loop.epochs=9"])
    file.write_text(run.to_yaml())
    assert load_config(file).run() == run
    assert type(load_config(file)) is ProductConfig


def test_the_clusters_token_comes_from_option_variable_or_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("from-file\n")
    variables = {"RAY_AUTH_TOKEN": "from-variable"}
    assert cluster(REMOTE, file, variables) == (REMOTE, "from-file")
    assert cluster(REMOTE, None, variables) == (REMOTE, "from-variable")
    assert cluster(REMOTE, None, {"RAY_AUTH_TOKEN_PATH": str(file)}) == (REMOTE, "from-file")
    assert cluster(REMOTE, None, {}) == (REMOTE, None)
    with pytest.raises(BadConfig, match="absent"):
        cluster(REMOTE, tmp_path / "absent", {})


def test_this_machines_token_stays_on_this_machine(tmp_path: Path) -> None:
    own = tmp_path / "home" / ".ray" / "auth_token"
    own.parent.mkdir(parents=True)
    own.write_text("own")
    for address in (None, "127.0.0.1:8265", "http://localhost:8265", "http://[::1]:8265"):
        assert cluster(address, None, {}) == (address, "own")
    for address in (REMOTE, "http://127.0.0.1.example.org", "head:8265"):
        assert cluster(address, None, {}) == (address, None)


def test_the_clusters_address_comes_from_option_or_variable() -> None:
    variables = {"RAY_API_SERVER_ADDRESS": "http://a:1", "RAY_ADDRESS": "http://b:2"}
    assert cluster(REMOTE, None, variables)[0] == REMOTE
    assert cluster(None, None, variables)[0] == "http://a:1"
    assert cluster(None, None, {"RAY_ADDRESS": "http://b:2"})[0] == "http://b:2"
    assert cluster(None, None, {"RAY_ADDRESS": "10.0.0.1:6379"})[0] is None


def test_logs_and_traces_are_switched_on_by_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COMMONSPACE_LOG", "json")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    config = load_config()
    assert (config.logs.format, config.tracing.endpoint) == ("json", "http://collector:4318")
    monkeypatch.setenv("COMMONSPACE_LOG", "yaml")
    with pytest.raises(BadConfig, match=r"logs\.format"):
        load_config()
