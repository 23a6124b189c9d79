"""Where runs and models are tracked, and what a model must do to become champion."""

import re
from typing import Annotated

from pydantic import Field, field_validator

from training.config import Config

_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")


class GateConfig(Config):
    """When a new model replaces the champion."""

    metric: Annotated[str, Field(min_length=1)] = "validation/score"
    """The metric, of those handed to `register`, on which candidate and champion are compared."""
    larger_is_better: bool = True
    """False for a loss or a rank."""
    minimum_improvement: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """In units of the metric. With 0 the candidate must still be better; equal never is."""


class TrackingConfig(Config):
    """The MLflow server and the names used on it."""

    uri: str | None = None
    """`http(s)://…` of an MLflow server, or a database such as `sqlite:///…`; None for
    `mlflow.db` in the workspace. With a database, artifacts lie in the workspace too: to share
    models between machines, use a server. The command line fills this from MLFLOW_TRACKING_URI."""
    experiment: Annotated[str, Field(min_length=1)] = "commonspace"
    registered_model: Annotated[str, Field(pattern=r"^[^/:.%\"'@]+$")] = "commonspace"
    patience_s: Annotated[float, Field(ge=0, le=86400)] = 60.0
    """How long to wait for a server that is away before giving up; training itself never waits."""
    gate: GateConfig = GateConfig()

    @field_validator("uri")
    @classmethod
    def _known_scheme(cls, uri: str | None) -> str | None:
        if uri is None:
            return None
        scheme = re.match(r"^([a-z]+)(\+[a-z0-9]+)?:/", uri) or re.match(r"^(databricks)$", uri)
        if not scheme or scheme[1] not in _SCHEMES:
            raise ValueError(
                "must be http(s)://… or a database such as sqlite:///…; "
                "MLflow's folder store is out of use"
            )
        return uri.rstrip("/") if scheme[1] in ("http", "https") else uri
