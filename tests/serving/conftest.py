"""The application over the local backend, with and without keys."""

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from recsys.config import EventsConfig
from serving.api.application import create_app
from serving.security.guard import Guard
from serving.security.keys import KeyStore, Scope
from tests.serving.local_backend import LocalBackend, open_backend

LOCAL = "http://localhost"


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBackend]:
    backend = open_backend(tmp_path_factory.mktemp("world"))
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def client(backend: LocalBackend) -> Iterator[TestClient]:
    """In development mode."""
    with TestClient(create_app(backend, Guard(None)), base_url=LOCAL) as client:
        yield client


@pytest.fixture
def keys(tmp_path) -> Iterator[KeyStore]:
    with KeyStore(EventsConfig(), tmp_path) as keys:
        yield keys


@pytest.fixture
def reader(keys: KeyStore) -> str:
    return keys.create("reader", [Scope.READ])[1]
