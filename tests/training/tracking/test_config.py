import pytest

from training.errors import BadConfig
from training.tracking.config import TrackingConfig


@pytest.mark.parametrize(
    "uri",
    [
        "http://mlflow:5000",
        "https://mlflow.example.org/prefix",
        "sqlite:////data/mlflow.db",
        "postgresql+psycopg://u:p@host/db",
        "databricks",
    ],
)
def test_servers_and_databases_are_taken(uri):
    assert TrackingConfig(uri=uri).uri == uri


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "mlflow:5000", "s3://b/m", ""])
def test_folders_and_the_rest_are_refused_by_name(uri):
    with pytest.raises(BadConfig, match=r"uri: .*http\(s\)"):
        TrackingConfig.parse({"uri": uri})


def test_trailing_slash_is_the_same_server():
    assert TrackingConfig(uri="http://h:1/").uri == "http://h:1"


@pytest.mark.parametrize("name", ["a/b", "a:b", "a@b", ""])
def test_model_names_that_break_uris_are_refused(name):
    with pytest.raises(BadConfig, match="registered_model"):
        TrackingConfig.parse({"registered_model": name})
