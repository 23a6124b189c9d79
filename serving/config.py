"""Settings of the service: address, replicas, batches, queues."""

from typing import Literal, Self

from pydantic import Field, model_validator

from serving.security.config import SecurityConfig
from training.config import Config


class ReplicaConfig(Config):
    """How many copies of a deployment run, and what each may take."""

    replicas: int = Field(default=1, ge=1)
    """Copies that always run."""
    most: int | None = Field(default=None, ge=1)
    """Copies to which it grows under load; None: it doesn't grow."""
    busy: float = Field(default=4, gt=0)
    """Requests in progress per copy above which another is added."""
    cpus: float = Field(default=0.25, gt=0)
    """Of Ray's resources that a copy takes up; all of the defaults together fit two."""
    gpus: float = Field(default=0, ge=0)
    """A share of a GPU, for models; 0 runs on the CPU."""
    at_once: int = Field(default=64, ge=1)
    """Requests that a copy works on at the same time (`max_ongoing_requests`)."""
    waiting: int = Field(default=64, ge=1)
    """Further ones that each caller holds back before it says 503 (`max_queued_requests`)."""

    @model_validator(mode="after")
    def _grows(self) -> Self:
        if self.most is not None and self.most < self.replicas:
            raise ValueError("most must be replicas or more")
        return self


class EncoderReplicaConfig(ReplicaConfig):
    """Replicas that run a model, in batches."""

    batch: int = Field(default=32, ge=1)
    """Contents that go through the model at a time, whichever requests they came with."""
    wait_ms: float = Field(default=5, ge=0)
    """How long a batch that isn't full waits for more."""
    threads: int = Field(default=1, ge=1)
    """Of the processor, per copy."""


class ServeConfig(Config):
    """The service."""

    host: str = "127.0.0.1"
    """Where it listens; any other than a loopback address demands API keys."""
    port: int = Field(default=8000, ge=0, le=65_535)
    """0 chooses a free one."""
    proxies: Literal["head", "every_node"] = "head"
    """Where requests come in, on a cluster."""
    request_timeout_s: float = Field(default=30, gt=0)
    """After which a request is answered 503."""
    follow_s: float = Field(default=1, gt=0)
    """How often the live index and the champion are looked at."""
    repair_s: float = Field(default=300, gt=0)
    """How often the index is compared with the event database, beyond starts and changes."""
    access_log: str = "logs/access.jsonl"
    """Inside the workspace unless absolute: a line of JSON per request, without people's ids and
    texts. `-` writes to stderr."""
    log_exposures: bool = True
    """Record which posts were shown to whom, where, and how likely that was: what experiments and
    estimates from logs need. Deleting a person or post deletes the entries."""
    await_index_s: float = Field(default=0, ge=0)
    """How long a service that is deployed on a cluster waits for a first index, and for the Milvus
    that holds it, before it gives up."""
    drain_s: float = Field(default=10, gt=0)
    """What a copy that is to stop has for the requests that it works on."""
    in_flight: int | None = Field(default=None, ge=1)
    """Questions that search the index which a proxy lets in at the same time; further ones get 503
    at once. None: one more than there are processors; with more, all would be slower and none
    sooner. On a cluster: as many as all recommenders work on well."""
    text: EncoderReplicaConfig = EncoderReplicaConfig(waiting=256)
    image: EncoderReplicaConfig = EncoderReplicaConfig(batch=8, waiting=256)
    user: EncoderReplicaConfig = EncoderReplicaConfig(cpus=0.2)
    recommender: ReplicaConfig = ReplicaConfig(at_once=4, waiting=8)
    writer: ReplicaConfig = ReplicaConfig(at_once=32, cpus=0.2)
    """One copy, whatever is set here: the index takes one writer."""
    gateway: ReplicaConfig = ReplicaConfig(at_once=128, waiting=64, cpus=0.2)
    security: SecurityConfig = SecurityConfig()
