"""The composition root: one typed configuration, and the parts of the product opened from it.

Here, and nowhere else, environment variables become settings.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from infra.local import RayConfig
from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from training.errors import BadConfig
from training.job_runtime import JobConfig
from training.run_config import RunConfig

VARIABLES = {
    "COMMONSPACE_WORKSPACE": "workspace",
    "MLFLOW_TRACKING_URI": "tracking.uri",
    "RAY_ADDRESS": "ray.address",
    "MILVUS_URI": "index.uri",
    "MILVUS_TOKEN": "index.token",
    "COMMONSPACE_EVENTS_URL": "events.url",
    "COMMONSPACE_EVENTS_PASSWORD": "events.password",
}
"""Environment variable → setting. They go over the file's settings, under the command line's."""


class ProductConfig(RunConfig):
    """All settings: a training's, and beside them those of index, recommender and services."""

    workspace: Path = Path("build/workspace")
    """Folder for all that is made: data, features, runs, models, index, events."""
    index: IndexConfig = IndexConfig()
    events: EventsConfig = EventsConfig()
    recommend: RecommendConfig = RecommendConfig()
    ray: RayConfig = RayConfig()
    job: JobConfig = JobConfig()

    def run(self) -> RunConfig:
        """The training's part."""
        return RunConfig(**{name: getattr(self, name) for name in RunConfig.model_fields})

    def shareable(self) -> Self:
        """The same without secrets, for eyes and files; they come from the environment again."""
        return self.model_validate(_without_secrets(self.model_dump()))

    def for_cluster(self) -> Self:
        """The same for a job: without secrets, and with the Ray that it finds on its cluster."""
        return self.shareable().model_copy(update={"ray": RayConfig()})


def load_config(
    path: Path | None = None,
    overrides: Sequence[str] = (),
    workspace: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> ProductConfig:
    """Defaults, then the file, the environment, and the command line, each over the one before.

    Raises: BadConfig naming the file or field.
    """
    ours = [
        _override(field, environment[variable])
        for variable, field in VARIABLES.items()
        if environment.get(variable)
    ]
    if _names_no_ray(environment.get("RAY_ADDRESS", "")):
        ours = [override for override in ours if not override.startswith("ray.address=")]
    named = [_override("workspace", str(workspace))] if workspace else []
    return ProductConfig.load(path, [*ours, *overrides, *named])


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
        or (ray_address if ray_address.startswith(("http://", "https://")) else None)
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


def _override(field: str, value: str) -> str:
    return f"{field}={json.dumps(value)}"  # a quoted text, whatever it looks like


def _names_no_ray(address: str) -> bool:
    """RAY_ADDRESS may also name a job server, or ask for a Ray of our own."""
    return address == "local" or address.startswith(("http://", "https://"))


def _is_this_machine(address: str | None) -> bool:
    if address is None:
        return True
    host = urlsplit(address if "://" in address else f"http://{address}").hostname
    return host in ("localhost", "127.0.0.1", "::1")


def _without_secrets(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if not isinstance(value, SecretStr)
    }
