"""A user's way through a cluster: submit a training and an index, serve them, ask and write."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from infra.benchmarks.cluster.machines import Machines
from training.errors import Unavailable

_READY_S = 300.0


@dataclass
class Walked:
    """What came of it.

    Attributes:
        trained: the result of `commonspace submit train`.
        indexed: of `commonspace submit index`.
        recommended: posts for one person, as the API gave them.
        found: ids that a search for a post that was just written gave.
        refused: the status of a question without a key.
        nodes: of the cluster, alive at the end.
        seconds: of each step.
    """

    trained: dict[str, Any] = field(default_factory=dict)
    indexed: dict[str, Any] = field(default_factory=dict)
    recommended: list[dict[str, Any]] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    refused: int = 0
    nodes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def walk(machines: Machines, posts: Path, *, epochs: int = 3) -> Walked:
    """Take the way on a cluster that is new.

    Args:
        machines: the cluster.
        posts: a file of posts that all of it can read.
        epochs: of the training.
    Raises: TrainingFailed, Unavailable with what was said.
    """
    walked = Walked()
    data = ["--set", f"data.posts={posts}"]
    with _timed(walked, "submit train"):
        loop = ["--set", f"loop.epochs={epochs}"]
        said = machines.run("submit", "--json", "train", *data, *loop)
        walked.trained = json.loads(said)["result"]
    with _timed(walked, "submit index"):
        walked.indexed = json.loads(machines.run("submit", "--json", "index", *data))["result"]
    with _timed(walked, "ready to serve"):
        _await_ready(machines)
    key = machines.run("keys", "create", "--name", "user", "--scope", "write", "--scope", "read")
    with _timed(walked, "ask and write"):
        _ask(machines.url, {"Authorization": f"Bearer {key.strip()}"}, walked)
    walked.nodes = nodes(machines)
    return walked


def _ask(url: str, key: dict[str, str], walked: Walked) -> None:
    def call(method: str, path: str, **more: Any) -> Any:
        answer = requests.request(method, url + path, headers=key, timeout=60, **more)
        if not answer.ok:
            raise Unavailable(f"{method} {path} was answered {answer.status_code}: {answer.text}")
        return answer.json()

    walked.refused = requests.get(f"{url}/v1/users", timeout=60).status_code
    person = call("GET", "/v1/users")["items"][0]["user_id"]
    walked.recommended = call("GET", f"/v1/users/{person}/recommendations?limit=5")["items"]
    text = "a quite unheard-of sentence about marmalade"
    call("PUT", "/v1/posts/journey/1", json={"user_id": "traveller", "text": text})
    hits = call("POST", "/v1/search", json={"query": [{"text": text}], "limit": 3})["items"]
    walked.found = [hit["id"] for hit in hits]


def _await_ready(machines: Machines) -> None:
    deadline = time.monotonic() + _READY_S
    said = "nothing"
    while time.monotonic() < deadline:
        try:
            answer = requests.get(f"{machines.url}/readyz", timeout=10)
            if answer.ok:
                return
            said = answer.text
        except requests.RequestException as error:
            said = str(error)
        time.sleep(0.5)
    raise Unavailable(f"the service is not ready: {said}\n{json.dumps(service(machines))}")


def service(machines: Machines) -> dict[str, Any]:
    """What Ray Serve says of our application; empty before it is deployed."""
    answer = requests.get(
        f"{machines.dashboard}/api/serve/applications/",
        headers={"Authorization": f"Bearer {machines.token}"},
        timeout=30,
    )
    return answer.json()["applications"].get("commonspace", {})


def nodes(machines: Machines) -> int:
    """How many nodes of the cluster are alive."""
    answer = requests.get(
        f"{machines.dashboard}/nodes?view=summary",
        headers={"Authorization": f"Bearer {machines.token}"},
        timeout=30,
    )
    found = answer.json()["data"]["summary"]
    return sum(node["raylet"]["state"] == "ALIVE" for node in found)


@contextmanager
def _timed(walked: Walked, step: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    walked.seconds[step] = round(time.monotonic() - begun, 1)
