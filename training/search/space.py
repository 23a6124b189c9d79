"""What is searched: a distribution for each field, as `field=loguniform(1e-3, 1e-2)`."""

import difflib
import itertools
import math
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from training.config import read_yaml
from training.errors import BadConfig
from training.run_config import RunConfig

SEARCHED = ("loop", "losses", "model")
_SHARED = {
    "data": "all trials share one data set",
    "split": "all trials are compared on one split",
    "image_encoder": "all trials share one set of features",
    "text_encoder": "all trials share one set of features",
    "history": "all trials share one set of histories",
    "scaling": "each trial is one process",
    "tracking": "all trials are recorded in one place",
}
_EXAMPLE = "write field=loguniform(1e-4, 1e-2), uniform, randint, choice(a, b) or grid(a, b)"
_TRIES = 100


class Kind(StrEnum):
    """How values are drawn."""

    UNIFORM = "uniform"
    LOGUNIFORM = "loguniform"
    RANDINT = "randint"
    CHOICE = "choice"
    GRID = "grid"


@dataclass(frozen=True)
class Dimension:
    """One field and where its values come from.

    Attributes:
        field: dotted, such as `loop.learning_rate`.
        kind: of the distribution.
        values: its two ends, both included; or the values to choose from.
    """

    field: str
    kind: Kind
    values: tuple[Any, ...]

    def draw(self, source: random.Random) -> Any:
        """One value; floats have four significant digits, so that they can be read."""
        if self.kind in (Kind.CHOICE, Kind.GRID):
            return source.choice(self.values)
        low, high = self.values
        if self.kind is Kind.RANDINT:
            return source.randint(low, high)
        if self.kind is Kind.LOGUNIFORM:
            drawn = math.exp(source.uniform(math.log(low), math.log(high)))
        else:
            drawn = source.uniform(low, high)
        return min(high, max(low, float(f"{drawn:.4g}")))

    def __str__(self) -> str:
        return f"{self.kind.value}({', '.join(_written(value) for value in self.values)})"


DEFAULT_SPACE = {
    "loop.learning_rate": "loguniform(1e-3, 1e-2)",
    "loop.weight_decay": "loguniform(5e-3, 0.2)",
    "loop.average": "choice(0.95, 0.98, 0.99)",
    "model.hidden": "choice(128, 256, 512)",
    "model.dropout": "uniform(0.1, 0.5)",
    "model.input_dropout": "uniform(0, 0.4)",
    "losses.image_text.temperature": "loguniform(0.02, 0.1)",
    "losses.image_text.author_margin": "uniform(0, 0.2)",
    "losses.user_image.temperature": "loguniform(0.02, 0.1)",
    "losses.user_text.temperature": "loguniform(0.02, 0.1)",
}
"""What matters most for the towers of this model on frozen features."""


def parse_space(entries: Mapping[str, Any], base: RunConfig) -> tuple[Dimension, ...]:
    """Dimensions of a space, each checked against the configuration.

    Args:
        entries: field to a distribution as text, or to a list of values to choose from; groups of
            fields may be nested.
        base: what the trials have beside the drawn values.
    Raises: BadConfig naming the field, what is wrong with it, and the nearest known field.
    """
    dimensions = []
    for field, value in _flat(entries):
        _require_searchable(field, base)
        dimensions.append(_dimension(field, value, base))
    if not dimensions:
        raise BadConfig("the space has no field to search", hint=_EXAMPLE)
    return tuple(dimensions)


def read_space(given: Sequence[str]) -> dict[str, Any]:
    """Entries from the command line: `field=distribution`, or the name of a YAML file of them.

    Raises: BadConfig if an entry is neither, or the file can't be read.
    """
    entries: dict[str, Any] = {}
    for entry in given:
        field, separator, value = entry.partition("=")
        if separator:
            entries[field.strip()] = value.strip()
        elif entry.endswith((".yaml", ".yml")):
            entries |= read_yaml(Path(entry))
        else:
            message = f"space entry {entry!r} is neither field=… nor a YAML file"
            raise BadConfig(message, hint=_EXAMPLE)
    return entries


def draw(
    space: Sequence[Dimension], trials: int, seed: int, base: RunConfig
) -> list[dict[str, Any]]:
    """The values of each trial; the first trial is the configuration as it is.

    Args:
        space: to draw from. Fields with `grid` are combined in all ways, each `trials` times.
        trials: draws of the other fields.
        seed: of the draws: the same seed gives the same trials.
        base: what they are put into.
    Raises: BadConfig if hardly any combination is a configuration.
    """
    grids = [each for each in space if each.kind is Kind.GRID]
    drawn = [each for each in space if each.kind is not Kind.GRID]
    source = random.Random(seed)
    found: list[dict[str, Any]] = [{}]
    for combination in itertools.product(*(each.values for each in grids)):
        fixed = dict(zip((each.field for each in grids), combination, strict=True))
        for _ in range(trials if drawn else 1):
            found.append(_fitting(fixed, drawn, source, base))
    return found


def with_values(base: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The configuration with dotted fields set. Raises: BadConfig naming the field."""
    tree = base.model_dump(mode="json")
    for field, value in values.items():
        *parents, leaf = field.split(".")
        place = tree
        for parent in parents:
            place = place[parent]
        place[leaf] = value
    return RunConfig.parse(tree)


def _fitting(
    fixed: dict[str, Any], drawn: Sequence[Dimension], source: random.Random, base: RunConfig
) -> dict[str, Any]:
    """Values that make a configuration: some fields go together in some ways only."""
    for attempt in range(_TRIES):
        values = fixed | {each.field: each.draw(source) for each in drawn}
        try:
            with_values(base, values)
        except BadConfig as error:
            if attempt == _TRIES - 1 or not drawn:
                raise BadConfig(f"no trial can be drawn from the space: {error.message}") from None
        else:
            return values
    raise AssertionError


def _flat(entries: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in entries.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _require_searchable(field: str, base: RunConfig) -> None:
    """Raises: BadConfig if there is no such field, or it is none to search."""
    top = field.split(".")[0]
    if top in _SHARED:
        raise BadConfig(
            f"{field} can't be searched: {_SHARED[top]}",
            hint=f"fields of {', '.join(SEARCHED)} can; set the others with --set",
        )
    if field == "loop.epochs":
        raise BadConfig(
            "loop.epochs can't be searched: it is how long the best trials go on",
            hint="set it with --set loop.epochs=…",
        )
    names = [name for name in base.flat() if name.split(".")[0] in SEARCHED]
    if field not in names:
        near = difflib.get_close_matches(field, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"fields of {', '.join(SEARCHED)} can be"
        raise BadConfig(f"space: there is no field {field}", hint=hint)


def _dimension(field: str, value: Any, base: RunConfig) -> Dimension:
    if isinstance(value, list):
        dimension = Dimension(field, Kind.CHOICE, tuple(value))
    else:
        dimension = _parsed(field, str(value))
    _check(dimension)
    for each in dimension.values:
        try:
            with_values(base, {field: each})
        except BadConfig as error:
            raise BadConfig(f"space: {error.message}") from None
    return dimension


def _parsed(field: str, text: str) -> Dimension:
    found = re.fullmatch(r"\s*(\w+)\s*\((.*)\)\s*", text, re.DOTALL)
    if not found:
        raise BadConfig(f"space: {field}={text} is no distribution", hint=_EXAMPLE)
    name, inside = found.groups()
    if name not in list(Kind):
        near = difflib.get_close_matches(name, list(Kind), n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        raise BadConfig(f"space: {field}: there is no distribution {name}", hint=meant + _EXAMPLE)
    try:
        values = yaml.safe_load(f"[{inside}]")
    except yaml.YAMLError:
        message = f"space: {field}: the values of {text} can't be read"
        raise BadConfig(message, hint=_EXAMPLE) from None
    return Dimension(field, Kind(name), tuple(_number(value) for value in values))


def _check(dimension: Dimension) -> None:
    """Raises: BadConfig if the ends are none."""
    where = f"space: {dimension.field}={dimension}"
    if dimension.kind in (Kind.CHOICE, Kind.GRID):
        if not dimension.values:
            raise BadConfig(f"{where} has no values")
        return
    whole = dimension.kind is Kind.RANDINT
    numbers = [
        isinstance(value, int if whole else int | float) and not isinstance(value, bool)
        for value in dimension.values
    ]
    if len(numbers) != 2 or not all(numbers):
        what = "two whole numbers" if whole else "two numbers"
        raise BadConfig(f"{where}: it takes {what}, the lowest and the highest")
    low, high = dimension.values
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise BadConfig(f"{where}: the lowest comes first, and both are finite")
    if dimension.kind is Kind.LOGUNIFORM and low <= 0:
        raise BadConfig(f"{where}: a logarithm needs numbers above 0", hint="take uniform")


def _number(value: Any) -> Any:
    """YAML 1.1 reads `1e-4` as text; people mean the number."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


def _written(value: Any) -> str:
    if isinstance(value, float | int | str) and not isinstance(value, bool):
        return str(value)
    return yaml.safe_dump(value, default_flow_style=True).strip().removesuffix("\n...").strip()
