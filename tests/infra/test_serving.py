import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from infra import serving
from infra.product import load_config
from infra.serving import application, check_exposure, free_port, is_loopback, live_model
from recsys.events.records import Post
from recsys.milvus_server import LocalServer
from tests.recsys.world import open_store, publish, unit_rows
from training.errors import BadConfig, Conflict, NotFound

DOCS = Path(__file__).resolve().parents[2] / "docs" / "serving.md"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_is_this_machine(host: str):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_without_keys_nothing_else_is_listened_to(host: str, tmp_path: Path):
    assert not is_loopback(host)
    settings = [f"serve.host={host!r}"]
    with pytest.raises(BadConfig, match="no key"):
        check_exposure(load_config(None, settings, tmp_path))
    check_exposure(load_config(None, [*settings, "serve.security.mode=keys"], tmp_path))


def test_nothing_indexed_is_said_with_what_to_do(tmp_path: Path):
    settings = serving.serving_settings(load_config(None, (), tmp_path))
    with pytest.raises(NotFound, match="commonspace demo"):
        live_model(settings)


def test_a_taken_port_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(serving, "_PORT_S", 0.0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Conflict, match=str(port)):
            free_port("127.0.0.1", port)
    assert free_port("127.0.0.1", port) == port


def test_experiments_reach_those_who_answer(tmp_path: Path):
    file = tmp_path / "product.yaml"
    file.write_text(
        "experiments: [{name: taste, variants: [{name: control}, "
        "{name: personal, recommend: {ranking: {taste: 0.9}}}]}]\n"
    )
    settings = serving.serving_settings(load_config(file, (), tmp_path))
    (experiment,) = settings.experiments
    assert experiment.variant("personal").applied(settings.recommend).ranking.taste == 0.9


def test_a_cluster_needs_a_server_of_vectors(tmp_path: Path):
    with pytest.raises(BadConfig, match="MILVUS_URI"):
        application({"workspace": str(tmp_path)})


def test_a_cluster_may_be_deployed_before_its_first_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(serving, "_LOOK_S", 0.05)
    monkeypatch.delenv("MILVUS_URI", raising=False)
    with LocalServer(tmp_path / "vectors.db") as server:
        uri = server.address.uri

        def args(seconds: float) -> dict:
            told = {"index": {"uri": uri}, "serve": {"await_index_s": seconds}}
            return {"workspace": str(tmp_path), **told}

        with pytest.raises(NotFound):
            application(args(0.2))
        with ThreadPoolExecutor(1) as thread:
            built = thread.submit(application, args(60))
            time.sleep(0.3)
            assert not built.done()
            with open_store(tmp_path, uri=uri) as store:
                publish(store, "7", {Post("p", "a"): unit_rows(1)[0]})
            assert {node.name for node in _nodes(built.result(60))} >= {"gateway", "writer"}


def test_the_deployment_of_the_docs_is_one_that_ray_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    text = DOCS.read_text().split("```yaml\n")[1].split("```")[0]
    deployed = ServeDeploySchema.model_validate(yaml.safe_load(text)).applications[0]
    assert deployed.import_path == "infra.serving:application"
    with LocalServer(tmp_path / "vectors.db") as server:
        with open_store(tmp_path, uri=server.address.uri) as store:
            publish(store, "7", {Post("p", "a"): unit_rows(1)[0]})
        monkeypatch.setenv("MILVUS_URI", server.address.uri)  # over what the file says
        built = application({**deployed.args, "workspace": str(tmp_path)})
    found = {node.name: node for node in _nodes(built)}
    assert set(found) == {"text", "image", "user", "recommender", "writer", "gateway"}
    assert found["text"]._deployment_config.autoscaling_config.max_replicas == 8
    assert found["text"].ray_actor_options["num_gpus"] == 0.5


def _nodes(built) -> list:
    """The deployments of an application."""
    found, waiting = {}, [built]
    while waiting:
        one = waiting.pop()
        found[one._bound_deployment.name] = one._bound_deployment
        arguments = [*one._bound_deployment.init_args, *one._bound_deployment.init_kwargs.values()]
        waiting += [each for each in arguments if type(each) is type(built)]
    return list(found.values())
