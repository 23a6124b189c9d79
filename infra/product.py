"""The composition root: one typed configuration, and the parts of the product opened from it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr, ValidationInfo, field_validator

from infra.environment import config_file, environment_overrides, override
from infra.forgetting import bring_list
from infra.local import RayConfig, ray_session
from infra.pipeline.config import PipelineConfig
from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.experiments.config import ExperimentConfig, check
from serving.config import ServeConfig
from serving.tracing import TracingConfig
from training.drift.config import DriftConfig
from training.job_runtime import JobConfig
from training.run_config import RunConfig

if TYPE_CHECKING:
    from recsys.recommend import Recommender
    from training.tracking.server import Tracking


class ProductConfig(RunConfig):
    """All settings: a training's, and beside them those of index, recommender and services."""

    workspace: Path = Path("build/workspace")
    """Folder for all that is made: data, features, runs, models, index, events."""
    index: IndexConfig = IndexConfig()
    events: EventsConfig = EventsConfig()
    recommend: RecommendConfig = RecommendConfig()
    experiments: tuple[ExperimentConfig, ...] = ()
    """Variants of `recommend` that are compared with each other on people."""
    drift: DriftConfig = DriftConfig()
    pipeline: PipelineConfig = PipelineConfig()
    ray: RayConfig = RayConfig()
    job: JobConfig = JobConfig()
    serve: ServeConfig = ServeConfig()
    tracing: TracingConfig = TracingConfig()

    @field_validator("experiments")
    @classmethod
    def _agree(
        cls, experiments: tuple[ExperimentConfig, ...], info: ValidationInfo
    ) -> tuple[ExperimentConfig, ...]:
        if "recommend" in info.data:  # else it is refused for a fault of its own
            check(experiments, info.data["recommend"])
        return experiments

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
    path: Path | None = None, overrides: Sequence[str] = (), workspace: Path | None = None
) -> ProductConfig:
    """Defaults, then the file, the environment, and the command line, each over the one before.

    Without a file, the one that the environment names is read, if it names one.
    Raises: BadConfig naming the file or field.
    """
    named = [override("workspace", str(workspace))] if workspace else []
    return ProductConfig.load(path or config_file(), [*environment_overrides(), *overrides, *named])


@contextmanager
def services(config: ProductConfig) -> Iterator[None]:
    """What training and indexing run on, while a `with` lasts: Ray, and a quiet MLflow.

    The list of those whose data may not be read is brought up to date first; see `bring_list`.
    """
    bring_list(config)
    _quiet_mlflow()
    with ray_session(config.ray):
        yield


def open_tracking(config: ProductConfig) -> "Tracking":
    """The connection to MLflow."""
    from training.tracking.server import Tracking

    _quiet_mlflow()
    return Tracking(config.tracking, config.workspace)


@contextmanager
def open_recommender(config: ProductConfig, *, with_model: bool = False) -> "Iterator[Recommender]":
    """The recommender over the live index and the event database.

    Args:
        config: of the product.
        with_model: also load the model that embedded the index, to search by text or image.
    Raises: NotFound if nothing is indexed yet; as `VectorStore`, `Events`, `load_space`.
    """
    from recsys.events.database import Events
    from recsys.reacting import load_reacting
    from recsys.recommend import Recommender
    from recsys.vectors import VectorStore
    from training.tracking.registry import load_space

    with (
        VectorStore(config.index, config.workspace) as store,
        Events(config.events, config.workspace) as events,
    ):
        version = store.live().version.model  # not the champion: what the vectors were made with
        space = load_space(version, open_tracking(config)) if with_model else None
        reacting = load_reacting(config.recommend, config.workspace)
        yield Recommender(store, events, config.recommend, space, version, reacting)


def _quiet_mlflow() -> None:
    from training.tracking.server import MLFLOW_SETTINGS

    for name, value in MLFLOW_SETTINGS.items():
        os.environ.setdefault(name, value)  # MLflow reads them nowhere else


def _without_secrets(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_secrets(value) if isinstance(value, Mapping) else value
        for name, value in tree.items()
        if not isinstance(value, SecretStr)
    }
