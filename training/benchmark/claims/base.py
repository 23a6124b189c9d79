"""What a claim is, and the registry of all of them.

To add one, decorate a function in a module of `training.benchmark.claims`:

    @claims.register("my_claim")
    def my_claim(evidence: Evidence) -> list[Claim]: ...

It raises `LeftOut` with the reason where the data set or the run has nothing to say about it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from training.benchmark.results import Results
from training.registry import Registry


class LeftOut(Exception):
    """A claim does not apply; the message says why."""


@dataclass(frozen=True)
class Claim:
    """One line of the benchmark's verdict.

    Attributes:
        claim: what is claimed.
        value: what was measured.
        target: what it must reach; None where nobody set a target for this data set.
        met: whether it does; None without a target.
        detail: the figures behind the value, for people.
    """

    claim: str
    value: float
    target: float | None
    met: bool | None
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Evidence:
    """What claims are computed from.

    Attributes:
        results: of all trials.
        sample: whether this is the shipped sample, for which absolute targets were set.
        interests: see `training.benchmark.interests`; empty if there are no categories.
        communities: metrics of `training.communities` by model; empty if none were measured.
        reactions: what `training.reactions` measured; empty without a data set with reactions.
    """

    results: Results
    sample: bool
    interests: Mapping[str, Any] = field(default_factory=dict)
    communities: Mapping[str, Any] = field(default_factory=dict)
    reactions: Mapping[str, Any] = field(default_factory=dict)


claims: Registry[Callable[[Evidence], list[Claim]]] = Registry("claim")


def all_claims(evidence: Evidence) -> tuple[list[Claim], dict[str, str]]:
    """Every claim that applies, and those that don't with the reason."""
    package = importlib.import_module("training.benchmark.claims")
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        importlib.import_module(f"{package.__name__}.{module}")
    found: list[Claim] = []
    left_out: dict[str, str] = {}
    for name in claims:
        try:
            found += claims[name](evidence)
        except LeftOut as reason:
            left_out[name] = str(reason)
    return found, left_out


def needed(evidence: Evidence, *names: str) -> Results:
    """The results, if they hold these tables. Raises: LeftOut naming what is missing."""
    missing = [name for name in names if not evidence.results.has(name)]
    if missing:
        raise LeftOut(f"no results of {', '.join(missing)} on this data set")
    return evidence.results
