"""The benchmark on disk and in MLflow."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from training.benchmark.document import Document, data_sets
from training.benchmark.markdown import markdown
from training.benchmark.pictures import draw
from training.config import Config
from training.evaluation.report import flat_metrics
from training.tracking.run import open_run
from training.tracking.server import Tracking

JSON, MARKDOWN = "quality.json", "quality.md"


def write(whole: Document, folder: Path) -> None:
    """`quality.json`, `quality.md` and the plots; each file appears whole."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [path.name for path in draw(whole, folder)]
    if (folder / "reaction_reliability.png").exists() and whole["reactions"]:
        pictures.append("reaction_reliability.png")
    write_json(whole, folder / JSON)
    _replace(folder / MARKDOWN, markdown(whole, pictures))


def write_json(whole: Document, path: Path) -> None:
    """The document alone; what could not be measured is null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, json.dumps(_plain(whole), indent=1, ensure_ascii=False) + "\n")


def log(whole: Document, folder: Path, config: Config, tracking: Tracking, runs: Path) -> str:
    """One MLflow run with a nested run a model; returns its id.

    Args:
        whole: the document.
        folder: what `write` wrote.
        config: that the benchmark was made with.
        tracking: the server.
        runs: folder of the workspace that remembers the run.
    """
    protocol = whole["protocol"]
    name = f"benchmark {protocol['data_digest'][:12]}"
    with open_run(tracking, runs, name=name) as run:
        run.log_config(config)
        run.log_environment()
        run.log_data(
            protocol["data_digest"],
            source=next(iter(data_sets(whole))),
            counts={"posts": sum(protocol["posts"].values()), "users": protocol["people"]},
        )
        for data_set, models in data_sets(whole).items():
            for model, cells in models.items():
                means = {
                    direction: {metric: cell["mean"] for metric, cell in metrics.items()}
                    for direction, metrics in cells.items()
                }
                with run.evaluation(f"{data_set} {model}") as nested:
                    nested.log_metrics(flat_metrics(means))
        met = [claim["met"] for claim in whole["claims"] if claim["met"] is not None]
        run.log_metrics({"claims/met": float(sum(met)), "claims/judged": float(len(met))})
        run.log_artifact(folder, "benchmark")
    return run.run_id


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.partial")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.item() if isinstance(value, np.generic) else value
