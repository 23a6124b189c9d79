"""All that a replica is started with."""

from pathlib import Path

from recsys.config import EventsConfig, IndexConfig, RecommendConfig
from recsys.experiments.config import ExperimentConfig
from serving.config import ServeConfig
from serving.tracing import TracingConfig
from training.config import Config
from training.log_config import LogConfig
from training.tracking.config import TrackingConfig


class ServingSettings(Config):
    """Where models, vectors and events are, and how they are served."""

    workspace: Path
    """Absolute, and the same path on every machine unless all three are servers."""
    tracking: TrackingConfig = TrackingConfig()
    index: IndexConfig = IndexConfig()
    events: EventsConfig = EventsConfig()
    recommend: RecommendConfig = RecommendConfig()
    experiments: tuple[ExperimentConfig, ...] = ()
    serve: ServeConfig = ServeConfig()
    logs: LogConfig = LogConfig()
    tracing: TracingConfig = TracingConfig()
