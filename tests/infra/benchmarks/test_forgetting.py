"""The measurement: none after a forgetting, and many where nothing was forgotten."""

from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest

from infra.benchmarks import forgetting as benchmark
from infra.product import ProductConfig, load_config
from recsys.forgetting.keeper import Places
from recsys.forgetting.receipt import Receipt
from recsys.index import build_index
from tests.recsys.forgetting.workspace import Stocked, fill, stocked
from tests.recsys.world import ProjectionSpace, open_events, open_store
from training.features import FeatureTable
from training.space import Space


@pytest.fixture
def full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stocked:
    """A workspace whose source, imported anew, still has everyone."""
    full = stocked(tmp_path / "workspace")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def again(config: ProductConfig) -> None:
        space = cast(Space, ProjectionSpace())
        with open_events(config.workspace) as events, open_store(config.workspace) as store:
            fill(events, full.world, full.pictures)
            features = cast(FeatureTable, full.world.features)
            build_index(space, features, store, events, "2")

    monkeypatch.setattr(benchmark, "index_posts", again)
    monkeypatch.setattr(benchmark, "services", lambda config: nullcontext())
    return full


def test_nothing_holds_a_forgotten_person(full: Stocked) -> None:
    claim = benchmark.forgetting(load_config(workspace=full.workspace), "person3")
    assert claim["met"] and claim["value"] == 0, claim
    assert "6 posts stood in" in claim["detail"]


def test_it_would_tell(full: Stocked, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(places: Places, user_id: str) -> Receipt:
        return Receipt("", "person", "", {}, (), complete=True)

    monkeypatch.setattr(benchmark, "forget_person", nothing)
    done = benchmark.measure(load_config(workspace=full.workspace), "person3")
    assert len(done.after) == done.before > 20
    assert len(done.rebuilt) > 20 and done.answers > 0
    assert {hit.what.split()[0] for hit in done.after} == {"id", "picture", "vector"}
