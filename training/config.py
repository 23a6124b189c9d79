"""Typed configuration: base class, YAML files, dotted overrides, errors that name the field.

Each component owns its `Config`; a run's configuration is their composition (`run_config.py`).
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import BadConfig


class Config(BaseModel):
    """A frozen, typed part of the configuration; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @classmethod
    def load(cls, path: Path | None = None, overrides: Sequence[str] = ()) -> Self:
        """Read a YAML file (all defaults if None) and apply `field.sub=value` overrides in order.

        Raises: BadConfig naming the file or field, what it must be, and the nearest known field.
        """
        tree = read_yaml(path) if path else {}
        for override in overrides:
            _apply(tree, override)
        return cls.parse(tree)

    @classmethod
    def parse(cls, tree: Mapping[str, Any]) -> Self:
        """Build from plain data. Raises: BadConfig naming each bad field."""
        try:
            return cls.model_validate(tree)
        except ValidationError as error:
            raise BadConfig(_explain(cls, error)) from None

    def to_yaml(self) -> str:
        """The whole configuration, defaults included, as YAML that `load` reads back."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def flat(self) -> dict[str, str]:
        """Dotted field names to values as text, for trackers that know no trees."""
        return dict(_flatten(self.model_dump(mode="json")))


def read_yaml(path: Path) -> dict[str, Any]:
    """The fields of a YAML file. Raises: BadConfig naming the file and what is wrong with it."""
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConfig(f"configuration file {path} does not exist") from None
    except OSError as error:
        raise BadConfig(f"configuration file {path} can't be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadConfig(f"configuration file {path} is not valid YAML: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise BadConfig(f"configuration file {path} must hold fields, not a {type(tree).__name__}")
    return tree


def _apply(tree: dict[str, Any], override: str) -> None:
    field, separator, value = override.partition("=")
    if not separator or not field.strip():
        raise BadConfig(f"override {override!r} must read field.sub=value")
    *parents, leaf = field.strip().split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
        if not isinstance(tree, dict):
            raise BadConfig(f"override {override!r}: {parent!r} is a value, not a group of fields")
    try:
        tree[leaf] = yaml.safe_load(value)
    except yaml.YAMLError:
        tree[leaf] = value


def _explain(cls: type[BaseModel], error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = problem["msg"]
        if problem["type"] == "extra_forbidden":
            text = "no such field" + _nearest(str(problem["loc"][-1]), cls)
        elif problem["type"] != "missing":
            text += f", got {_shown(problem['input'])}"
        lines.append(f"{where or 'configuration'}: {text}")
    return "; ".join(lines)


def _shown(value: Any) -> str:
    """A rejected value, shortened, without the credentials that a URI may hold."""
    return re.sub(r"//[^/@\s]*@", "//***@", f"{value!r}")[:80]


def _nearest(name: str, cls: type[BaseModel]) -> str:
    known = {leaf for field in _names(cls) for leaf in field.split(".")}
    near = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _names(cls: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, field in cls.model_fields.items():
        names.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _names(field.annotation, f"{prefix}{name}.")
    return names


def _flatten(tree: Mapping[str, Any], prefix: str = ""):
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)
