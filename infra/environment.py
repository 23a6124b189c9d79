"""Environment variables become settings here, and nowhere else."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from training.errors import BadConfig

VARIABLES = {
    "COMMONSPACE_WORKSPACE": "workspace",
    "MLFLOW_TRACKING_URI": "tracking.uri",
    "RAY_ADDRESS": "ray.address",
    "MILVUS_URI": "index.uri",
    "MILVUS_TOKEN": "index.token",
    "COMMONSPACE_EVENTS_URL": "events.url",
    "COMMONSPACE_EVENTS_PASSWORD": "events.password",
    "COMMONSPACE_RATE_STORAGE": "serve.security.rate_storage",
    "COMMONSPACE_LOG": "logs.format",
    "COMMONSPACE_LOG_LEVEL": "logs.level",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "tracing.endpoint",
}
"""Environment variable → setting. They go over the file's settings, under the command line's. Each
may also be in a file that the variable with `_FILE` behind its name leads to: a secret, say."""
CONFIG = "COMMONSPACE_CONFIG"
"""Names the file of settings, for commands that are given none."""


def config_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The file of settings that the environment names."""
    return Path(environment[CONFIG]) if environment.get(CONFIG) else None


def environment_overrides(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The settings that the environment makes, as `Config.load` takes them.

    Raises: BadConfig if a file that a variable names can't be read.
    """
    found = {variable: _value(variable, environment) for variable in VARIABLES}
    return [
        override(VARIABLES[variable], value)
        for variable, value in found.items()
        if value and not (variable == "RAY_ADDRESS" and _names_no_ray(value))
    ]


def override(field: str, value: str) -> str:
    """A setting as `field=value`, its value quoted: a text, whatever it looks like."""
    return f"{field}={json.dumps(value)}"


def cluster(
    address: str | None = None,
    token_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> tuple[str | None, str | None]:
    """Where a cluster takes jobs and the token that it asks for, from options and environment.

    The token that Ray keeps for this machine's own clusters (`~/.ray/auth_token`) is offered to
    this machine only. Raises: BadConfig if the token's file can't be read.
    """
    ray_address = environment.get("RAY_ADDRESS", "")
    address = (
        address
        or environment.get("RAY_API_SERVER_ADDRESS")
        or (ray_address if _is_url(ray_address) else None)
    )
    if token_file is None:
        if environment.get("RAY_AUTH_TOKEN"):
            return address, environment["RAY_AUTH_TOKEN"].strip()
        if environment.get("RAY_AUTH_TOKEN_PATH"):
            token_file = Path(environment["RAY_AUTH_TOKEN_PATH"])
        elif _is_this_machine(address) and (own := Path.home() / ".ray" / "auth_token").is_file():
            token_file = own
        else:
            return address, None
    try:
        return address, token_file.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"the cluster's token can't be read from {token_file}: {error}") from None


def _value(variable: str, environment: Mapping[str, str]) -> str | None:
    """What a variable says, or the file that its neighbour names."""
    file = environment.get(f"{variable}_FILE")
    if environment.get(variable) or not file:
        return environment.get(variable)
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{variable}_FILE: {file} can't be read: {error}") from None


def _names_no_ray(address: str) -> bool:
    """RAY_ADDRESS may also name a job server, or ask for a Ray of our own."""
    return address == "local" or _is_url(address)


def _is_url(address: str) -> bool:
    return address.startswith(("http://", "https://"))


def _is_this_machine(address: str | None) -> bool:
    if address is None:
        return True
    host = urlsplit(address if "://" in address else f"http://{address}").hostname
    return host in ("localhost", "127.0.0.1", "::1")
