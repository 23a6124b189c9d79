"""Finished trials on disk, so that an interrupted benchmark goes on where it stopped.

An outcome is found again only if the data, the split, the encoders, the recipe and the code that
the figures come from are what they were.
"""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from training.benchmark.recipe import Recipe
from training.benchmark.trial import Outcome, Trial
from training.data.clean import CleanData
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import QueryResults

_CODE = (
    "batches.py",
    "embedding.py",
    "examples.py",
    "loop.py",
    "objective.py",
    "query_weights.py",
    "state.py",
    "losses/*.py",
    "model/*.py",
    "evaluation/baselines.py",
    "evaluation/metrics.py",
    "evaluation/retrieval.py",
    "evaluation/tasks.py",
    "benchmark/contenders/*.py",
    "benchmark/fitting.py",
    "benchmark/surgery.py",
)
"""What decides on a figure, below the folder of the package."""


class Store:
    """A folder of outcomes, one file each, that appear whole or not at all.

    Args:
        folder: where they lie.
        context: names the data, recipe and code; see `context_of`.
    """

    def __init__(self, folder: Path, context: str) -> None:
        self.folder, self.context = folder, context

    def path(self, trial: Trial) -> Path:
        """Where a trial's outcome is or will be."""
        return self.folder / f"{trial.name}-{trial.seed}-{trial.digest(self.context)}.npz"

    def load(self, trial: Trial) -> Outcome | None:
        """The outcome of an earlier run; None if there is none that can be read."""
        try:
            # opened here: on a torn file numpy leaves its own handle open
            with self.path(trial).open("rb") as file, np.load(file) as arrays:
                return _unpack(dict(arrays))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return None

    def save(self, trial: Trial, outcome: Outcome) -> None:
        """Keep an outcome."""
        path = self.path(trial)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".partial")
        with draft.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **_pack(outcome))
        os.replace(draft, path)


def context_of(data: CleanData, recipe: Recipe, encoders: dict[str, str], history: str) -> str:
    """A digest of all that trials have in common: data, split, encoders, recipe and code."""
    package = Path(__file__).parent.parent
    code = hashlib.blake2b(digest_size=10)
    for pattern in _CODE:
        for path in sorted(package.glob(pattern)):
            code.update(path.read_bytes())
    parts = [data.manifest.digest, recipe.model_dump(mode="json"), encoders, history]
    text = json.dumps([*parts, code.hexdigest()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def _pack(outcome: Outcome) -> dict[str, np.ndarray]:
    arrays = {f"vectors|{name}": each for name, each in outcome.vectors.items()}
    for name, value in outcome.figures.items():
        arrays[f"figures|{name}"] = np.array(value)
    for table, directions in outcome.tables.items():
        for direction, results in directions.items():
            head = f"tables|{table}|{direction.value}"
            arrays[f"{head}|queries"] = results.queries
            arrays[f"{head}|person"] = results.person
            for metric, values in results.values.items():
                arrays[f"{head}|values|{metric}"] = values
    # archive members are files: no name may hold a separator of paths
    return {name.replace("/", "\\"): each for name, each in arrays.items()}


def _unpack(arrays: dict[str, np.ndarray]) -> Outcome:
    outcome = Outcome({})
    results: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for packed, array in arrays.items():
        kind, *rest = packed.replace("\\", "/").split("|")
        if kind == "vectors":
            outcome.vectors[rest[0]] = array
        elif kind == "figures":
            outcome.figures[rest[0]] = float(array)
        else:
            results.setdefault((rest[0], rest[1]), {})["|".join(rest[2:])] = array
    for (table, direction), parts in results.items():
        values = {
            name.removeprefix("values|"): each
            for name, each in parts.items()
            if name.startswith("values|")
        }
        outcome.tables.setdefault(table, {})[Direction(direction)] = QueryResults(
            parts["queries"], parts["person"], values
        )
    return outcome
