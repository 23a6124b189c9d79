"""Any request that the document allows or forbids, against all of schemathesis' checks."""

import base64

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.config._checks import POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES

from recsys.config import EventsConfig
from serving.api.application import create_app
from serving.api.openapi import text
from serving.security.config import SecurityConfig
from serving.security.guard import Guard
from serving.security.keys import KeyStore, Scope
from tests.serving.local_backend import open_backend, picture

PICTURES = [picture(kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")]
schemathesis.openapi.format("binary", st.sampled_from(PICTURES))
schemathesis.openapi.format(
    "base64-image", st.sampled_from([base64.b64encode(one).decode() for one in PICTURES])
)
ACCEPTED = POSITIVE_DATA_ACCEPTANCE_EXPECTED_STATUSES
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
NOTHING_TO_BREAK = {"GET /healthz", "GET /readyz", "GET /metrics"}
ROUTES = [
    (method.upper(), path)
    for path, methods in schemathesis.openapi.from_file(text()).raw_schema["paths"].items()
    for method in methods
]

CASES = [
    (method, path, mode)
    for method, path in ROUTES
    for mode in MODES
    if mode is GenerationMode.POSITIVE or f"{method} {path}" not in NOTHING_TO_BREAK
]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    folder = tmp_path_factory.mktemp("schemathesis")
    backend = open_backend(folder)
    with KeyStore(EventsConfig(), folder) as keys:
        guard = Guard(keys, SecurityConfig(rate="1000000/second", failures="1000000/second"))
        api = schemathesis.openapi.from_asgi("/openapi.json", create_app(backend, guard))
        _, key = keys.create("schemathesis", [Scope.ADMIN])
        # a post that an earlier case deleted: the like of a 404, which the check knows
        api.config.checks.positive_data_acceptance.expected_statuses = [*ACCEPTED, "410"]
        yield api, {"Authorization": f"Bearer {key}"}
    backend.close()


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_the_application_does_what_its_document_says(api, method, path, mode):
    schema, headers = api

    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    @settings(
        max_examples=15,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(case):
        case.call_and_validate(headers=headers)

    check()
