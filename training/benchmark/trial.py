"""One unit of work of the benchmark: a contender, a seed, and what is different about it.

To add a contender, decorate a function in a module of `training.benchmark.contenders`:

    @contenders.register("my_model")
    def my_model(task: Task) -> Outcome: ...

and name it in `plan.MODELS`; it then stands in every table.
"""

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from training.benchmark.recipe import Recipe
from training.benchmark.surgery import Removal, without_modalities
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import QueryResults
from training.examples import Examples
from training.registry import Registry


@dataclass(frozen=True)
class Trial:
    """What is trained and measured once.

    Attributes:
        name: in tables; several seeds share it.
        contender: registered name of what runs.
        seed: of every draw.
        changes: to the recipe, by dotted name.
        removal: what training posts lose, if anything.
    """

    name: str
    contender: str
    seed: int
    changes: Mapping[str, Any] = field(default_factory=dict)
    removal: Removal | None = None

    def digest(self, context: str) -> str:
        """Names the outcome: equal for equal work on equal data (`context`) only."""
        text = json.dumps([context, asdict(self)], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


@dataclass(frozen=True)
class Task:
    """What a contender gets.

    Attributes:
        examples: posts, people, splits; training parts as the trial left them.
        recipe: with the trial's changes and seed.
    """

    examples: Examples
    recipe: Recipe


@dataclass(frozen=True)
class Outcome:
    """What a contender reached on the test posts, query by query.

    Attributes:
        tables: name to direction to results; most contenders have one table, under their own name.
        figures: further numbers by name, such as `seconds` and `validation`.
        vectors: embeddings for further questions, such as `users` (U, D).
    """

    tables: dict[str, dict[Direction, QueryResults]]
    figures: dict[str, float] = field(default_factory=dict)
    vectors: dict[str, np.ndarray] = field(default_factory=dict)


Contender = Callable[[Task], Outcome]
contenders: Registry[Contender] = Registry("contender")


def find_contender(name: str) -> Contender:
    """A registered contender; loads their modules on first use. Raises: BadConfig if unknown."""
    package = importlib.import_module("training.benchmark.contenders")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return contenders[name]


def run_trial(trial: Trial, examples: Examples, recipe: Recipe) -> Outcome:
    """Do the work: cut the training data, train, measure on the test posts once."""
    if trial.removal is not None:
        examples = without_modalities(examples, trial.removal, trial.seed)
    recipe = recipe.changed(trial.changes).seeded(trial.seed)
    return find_contender(trial.contender)(Task(examples, recipe))
