import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from training.benchmark.run import data_set_name, name_beside

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command

MODELS = ("unimodal_image", "unimodal_text", "isolated", "late_fusion", "naive_joint", "joint")
METRICS = ("recall@1", "recall@5", "recall@10", "mrr", "map", "ndcg@10", "median_rank")


def test_a_benchmark_on_own_posts(
    ray_session: None,
    few_posts: Path,
    tmp_path: Path,
    commonspace: "Command",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    missing = f"transformers/{tmp_path / 'no-such-model'}"
    monkeypatch.setattr("training.benchmark.elsewhere.CLIP", missing)
    out, folder = tmp_path / "out.json", tmp_path / "figures"
    done = commonspace(
        *("benchmark", "--data", few_posts, "--seeds", 1, "--quick", "--json", out, "--to", folder),
        *("--workspace", tmp_path / "workspace", "--set", "loop.epochs=1"),
        *("--set", "model.dimension=24", "--set", "model.hidden=16"),
    )
    assert done.code == 0, done.err
    assert "CLIP is left out" in done.err
    whole = json.loads(out.read_text(encoding="utf-8"))
    assert whole == json.loads((folder / "quality.json").read_text(encoding="utf-8"))
    models = whole[data_set_name(str(few_posts))]
    for model in MODELS:
        for metrics in models[model].values():
            assert set(metrics) == set(METRICS)
            assert all({"mean", "std", "n"} <= set(cell) for cell in metrics.values())
    for claim in whole["claims"]:
        assert set(claim) == {"claim", "value", "target", "met", "detail"}
    assert whole["protocol"]["command"].startswith("commonspace benchmark --data")
    for whose in ("posts", "people"):
        assert {"mean", "std", "n"} == set(
            whole["interests"]["tags"][whose]["joint"]["precision@5"]
        )
    page = (folder / "quality.md").read_text(encoding="utf-8")
    assert "## Claims" in page
    assert "### Tags of held-out posts" in page
    for picture in ("retrieval.png", "gains.png", "missing.png"):
        assert (folder / picture).stat().st_size > 5000
        assert f"({picture})" in page
    assert "user→post" in done.out


@pytest.mark.parametrize(
    ("posts", "name"),
    [
        ("films/posts.parquet", "films"),
        ("network/posts.parquet", "network reactions"),
        ("claims/posts.parquet", "claims reactions"),
    ],
)
def test_reactions_take_no_other_table_s_place(posts: str, name: str) -> None:
    assert name_beside("network", posts) == name
