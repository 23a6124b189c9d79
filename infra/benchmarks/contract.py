"""Whatever the API's description allows or forbids, sent to the running service."""

import base64
import io
from collections import Counter
from typing import Any

from infra.benchmarks.claims import Claim
from infra.benchmarks.process import served
from infra.benchmarks.world import World
from infra.product import load_config
from serving.security.keys import KeyStore, Scope

COMMAND = "make bench-serving"
EXAMPLES = 70
"""Per route and mode."""
_WITH_KEYS = (
    "serve.security.mode=keys",
    "serve.security.rate=1000000/second",
    "serve.security.failures=1000000/second",
)
_NO_INPUT = {"/healthz", "/readyz", "/metrics"}


def contract(world: World) -> list[Claim]:
    """schemathesis, all checks, against every route of the running service."""
    import schemathesis
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st
    from schemathesis import GenerationMode
    from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES

    pictures = [_picture(kind) for kind in ("PNG", "JPEG", "WEBP")]
    written = [base64.b64encode(picture).decode() for picture in pictures]
    schemathesis.openapi.format("binary", st.sampled_from(pictures))
    schemathesis.openapi.format("base64-image", st.sampled_from(written))
    statuses: Counter[int] = Counter()
    failures: list[str] = []
    config = load_config(None, world.settings, world.workspace)
    with KeyStore(config.events, world.workspace) as keys:
        _, key = keys.create("schemathesis", [Scope.ADMIN])
    headers = {"Authorization": f"Bearer {key}"}
    with served(world.workspace, (*world.settings, *_WITH_KEYS)) as service:
        api = schemathesis.openapi.from_url(f"{service.url}/openapi.json")
        # a post that an earlier case deleted: the like of a 404, which the check knows
        accepted = [*POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES, "410"]
        api.config.checks.positive_data_acceptance.expected_statuses = accepted
        for path, methods in api.raw_schema["paths"].items():
            for method in methods:
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    if mode is GenerationMode.NEGATIVE and path in _NO_INPUT:
                        continue

                    @given(case=api[path][method.upper()].as_strategy(generation_mode=mode))
                    @settings(
                        max_examples=1 if path in _NO_INPUT else EXAMPLES,
                        deadline=None,
                        derandomize=True,
                        database=None,
                        suppress_health_check=list(HealthCheck),  # pyright: ignore
                    )
                    def check(case: Any) -> None:
                        answer = case.call(headers=headers)
                        statuses[answer.status_code] += 1
                        case.validate_response(answer, headers=headers)

                    try:
                        check()
                    except Exception as error:
                        failures.append(f"{method.upper()} {path}: {str(error)[:500]}")
        alive = service.ready()
    for failure in failures:
        print(failure)
    faults = sum(count for status, count in statuses.items() if status >= 500)
    counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
    return [
        Claim("schemathesis cases sent to the service", statuses.total(), ">= 2000", COMMAND),
        Claim("answers of 5xx among them", faults, "= 0", COMMAND, counts),
        Claim("routes with a violation of the description", len(failures), "= 0", COMMAND),
        Claim("ready afterwards", float(alive), "= 1", COMMAND),
    ]


def _picture(kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (12, 9), "teal").save(file, kind)
    return file.getvalue()
