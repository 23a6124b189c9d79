"""Machines by `ray up`: what Ray's own schema takes, and who can reach them."""

import warnings
from typing import Any

import pytest
import yaml

from tests.infra.tools import ROOT, run

FOLDER = ROOT / "infra" / "cloud"
PLACES = ("aws", "gcp")
MADE = {"dist", "infra/compose/secrets"}
"""Folders that are not in the repository."""


def told(place: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"ray-cluster.{place}.yaml").read_text())


@pytest.fixture(params=PLACES)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """As `ray up` completes and checks it, before it asks the cloud."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ray.autoscaler._private.util import prepare_config, validate_config

        prepared = prepare_config(told(request.param))
        validate_config(prepared)
    return prepared


def test_ray_refuses_what_it_does_not_know() -> None:
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import prepare_config, validate_config

    with pytest.raises(ValidationError, match="max_wrokers"):
        validate_config(prepare_config(told("aws") | {"max_wrokers": 1}))


def test_a_head_that_stays_and_workers_that_come_and_go(config: dict[str, Any]) -> None:
    types = config["available_node_types"]
    head = types[config["head_node_type"]]
    assert head["resources"] == {"CPU": 0}
    spot = ("InstanceMarketOptions", "scheduling")
    assert not any(key in head["node_config"] for key in spot)
    workers = {name: one for name, one in types.items() if one is not head}
    assert set(workers) == {"workers", "gpu"}
    for one in workers.values():
        assert any(key in one["node_config"] for key in spot)
        assert one["min_workers"] == 0 and one["max_workers"] > 0
    assert workers["gpu"]["resources"]["GPU"] == 1


def test_the_dashboard_is_on_the_loopback_and_nobody_has_a_public_address(
    config: dict[str, Any],
) -> None:
    [start] = [line for line in config["head_start_ray_commands"] if "--head" in line]
    assert "--dashboard-host=127.0.0.1" in start and "--autoscaling-config=" in start
    assert config["provider"]["use_internal_ips"] is True
    for rule in config["provider"].get("security_group", {}).get("IpPermissions", []):
        assert all(not each["CidrIp"].startswith("0.") for each in rule["IpRanges"])


def test_ray_asks_for_its_token_everywhere(config: dict[str, Any]) -> None:
    environment = (FOLDER / "environment.sh").read_text()
    assert "export RAY_AUTH_MODE=token" in environment
    for line in [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]:
        assert ". ~/environment.sh && ray " in line


def test_what_is_sent_is_there(config: dict[str, Any]) -> None:
    for here in config["file_mounts"].values():
        assert here in MADE or (ROOT / here).exists()
    secrets = (ROOT / "infra" / "compose" / "make-secrets.sh").read_text()
    environment = (FOLDER / "environment.sh").read_text()
    for line in environment.splitlines():
        if "/secrets/" in line:
            assert line.rpartition("/")[2].strip('"') in secrets


def test_our_wheel_is_installed_with_the_constraints_on_every_machine(
    config: dict[str, Any],
) -> None:
    assert all(
        "commonspace-*.whl" in commands and "--constraint" in commands
        for commands in (
            "\n".join(config["head_setup_commands"]),
            "\n".join(config["worker_setup_commands"]),
            "\n".join(config["available_node_types"]["gpu"]["worker_setup_commands"]),
        )
    )


def test_commands_are_sound_shell(config: dict[str, Any]) -> None:
    commands = [
        *config["head_setup_commands"],
        *config["worker_setup_commands"],
        *config["available_node_types"]["gpu"]["worker_setup_commands"],
        *config["head_start_ray_commands"],
        *config["worker_start_ray_commands"],
        (FOLDER / "environment.sh").read_text(),
    ]
    for command in commands:
        assert run("bash", "-n", stdin=command).returncode == 0, command
