"""The application: which deployments there are, and who calls whom.

proxy (edge) → gateway → recommender → text, image
→ text, image, user
→ writer      → text, image, user
"""

from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig

from serving.config import ReplicaConfig
from serving.deployments.encoder import Encoding
from serving.deployments.gateway import Gateway
from serving.deployments.recommender import Recommending
from serving.deployments.user import UserEncoding
from serving.deployments.writer import Writing
from serving.models import First
from serving.settings import ServingSettings

NAME = "commonspace"
_HEALTH_PERIOD_S, _HEALTH_TIMEOUT_S = 2, 30


def application(settings: ServingSettings, first: First) -> Application:
    """The whole service.

    Args:
        settings: of the service.
        first: model version that encoders load before they are ready.
    """
    config = settings.serve

    def deployment(name: str, kind: Any, replicas: ReplicaConfig) -> Any:
        return serve.deployment(kind, name=name, **_options(replicas, config.drain_s))

    text = deployment("text", Encoding, config.text).bind(settings, config.text, "text", first)
    image = deployment("image", Encoding, config.image).bind(settings, config.image, "image", first)
    user = deployment("user", UserEncoding, config.user).bind(settings, config.user, first)
    recommender = deployment("recommender", Recommending, config.recommender).bind(
        settings, text, image, user
    )
    alone = config.writer.model_copy(update={"replicas": 1, "most": None})
    writer = deployment("writer", Writing, alone).bind(settings, text, image, user)
    return deployment("gateway", Gateway, config.gateway).bind(
        settings, text, image, user, recommender, writer
    )


def _options(config: ReplicaConfig, drain_s: float) -> dict[str, Any]:
    copies: dict[str, Any] = {"num_replicas": config.replicas}
    if config.most is not None:
        copies = {
            "autoscaling_config": AutoscalingConfig(
                min_replicas=config.replicas,
                max_replicas=config.most,
                target_ongoing_requests=config.busy,
            )
        }
    return copies | {
        "ray_actor_options": {"num_cpus": config.cpus, "num_gpus": config.gpus},
        "max_ongoing_requests": config.at_once,
        "max_queued_requests": config.waiting,
        "health_check_period_s": _HEALTH_PERIOD_S,
        "health_check_timeout_s": _HEALTH_TIMEOUT_S,
        "graceful_shutdown_wait_loop_s": 0.5,
        "graceful_shutdown_timeout_s": drain_s,
    }
