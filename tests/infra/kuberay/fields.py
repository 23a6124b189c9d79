"""The fields of KubeRay's resources (ray.io/v1, KubeRay 1.6) that we use; any other is refused.

Written from KubeRay's documentation. Templates of pods are Kubernetes' own, and are checked by its
schemas elsewhere.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Auth(_Strict):
    mode: Literal["disabled", "token"]
    secretName: str


class Autoscaler(_Strict):
    version: Literal["v1", "v2"]
    upscalingMode: Literal["Default", "Aggressive", "Conservative"]
    idleTimeoutSeconds: int = Field(gt=0)
    resources: dict[str, dict[str, Any]]
    securityContext: dict[str, Any]
    volumeMounts: list[dict[str, Any]]


class Head(_Strict):
    rayStartParams: dict[str, str]
    template: dict[str, Any]


class Workers(_Strict):
    groupName: str = Field(pattern="^[a-z]([a-z0-9-]*[a-z0-9])?$")
    replicas: int = Field(ge=0)
    minReplicas: int = Field(ge=0)
    maxReplicas: int = Field(ge=1)
    rayStartParams: dict[str, str]
    template: dict[str, Any]

    @model_validator(mode="after")
    def _between(self) -> "Workers":
        if not self.minReplicas <= self.replicas <= self.maxReplicas:
            raise ValueError("replicas must lie between minReplicas and maxReplicas")
        return self


class ClusterSpec(_Strict):
    rayVersion: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    authOptions: Auth
    enableInTreeAutoscaling: bool
    autoscalerOptions: Autoscaler
    headGroupSpec: Head
    workerGroupSpecs: list[Workers] = Field(min_length=1)

    @field_validator("workerGroupSpecs")
    @classmethod
    def _names_differ(cls, groups: list[Workers]) -> list[Workers]:
        if len({group.groupName for group in groups}) < len(groups):
            raise ValueError("two groups have one name")
        return groups


class Retries(_Strict):
    backoffLimit: int = Field(ge=0)


class JobSpec(_Strict):
    suspend: bool
    entrypoint: str = Field(min_length=1)
    submissionMode: Literal["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]
    shutdownAfterJobFinishes: bool
    ttlSecondsAfterFinished: int = Field(ge=0)
    activeDeadlineSeconds: int = Field(gt=0)
    backoffLimit: int = Field(ge=0)
    submitterConfig: Retries
    submitterPodTemplate: dict[str, Any]
    rayClusterSpec: ClusterSpec

    @model_validator(mode="after")
    def _agree(self) -> "JobSpec":
        if self.suspend and not self.shutdownAfterJobFinishes:
            raise ValueError("KubeRay suspends only jobs whose cluster ends with them")
        return self


class Upgrade(_Strict):
    type: Literal["NewCluster", "NewClusterWithIncrementalUpgrade", "None"]


class ServiceSpec(_Strict):
    upgradeStrategy: Upgrade
    rayClusterDeletionDelaySeconds: int = Field(ge=0)
    excludeHeadPodFromServeSvc: bool
    serveConfigV2: str
    rayClusterConfig: ClusterSpec


KINDS: dict[str, type[BaseModel]] = {
    "RayCluster": ClusterSpec,
    "RayJob": JobSpec,
    "RayService": ServiceSpec,
}


def cluster_of(resource: dict[str, Any]) -> dict[str, Any]:
    """The cluster's part of a resource of KubeRay."""
    spec = resource["spec"]
    return spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec
