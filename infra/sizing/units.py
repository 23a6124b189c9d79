"""The measured figures of one unit, and prices, as they lie beside this file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from training.errors import BadData, NotFound

UNITS = Path(__file__).with_name("units.json")
PRICES = Path(__file__).with_name("prices.json")


class Unit(BaseModel):
    """One measured figure.

    Attributes:
        name: such as `cpu_ms_per_recommendation`.
        value: the figure.
        unit: of it.
        where: the machine and the data that it was measured on.
        how: the command, and what it does.
        measured: on which day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    unit: str
    where: str
    how: str
    measured: str


class Machine(BaseModel):
    """A kind of machine that can be rented.

    Attributes:
        cpus: virtual processors.
        memory_gb: of main memory.
        per_hour: in the currency of the prices; an assumption.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cpus: int
    memory_gb: float
    per_hour: float


class Prices(BaseModel):
    """What things are assumed to cost. Not facts: put in your own.

    Attributes:
        assumed: on which day.
        note: whose prices they resemble.
        currency: of all of them.
        machines: role to the machine that is taken for it.
        disk_gb_month: of block storage.
        object_gb_month: of an object store.
        hours_a_month: that a machine runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    assumed: str
    note: str
    currency: str
    machines: dict[str, Machine]
    disk_gb_month: float
    object_gb_month: float
    hours_a_month: float


@dataclass(frozen=True)
class Measured:
    """All units by name."""

    units: Mapping[str, Unit]

    def __getitem__(self, name: str) -> float:
        """The figure. Raises: NotFound if it was not measured."""
        if name not in self.units:
            raise NotFound(
                f"{name} was not measured", hint="python -m infra.sizing.measure WORKSPACE"
            )
        return self.units[name].value


def read_units(path: Path = UNITS) -> Measured:
    """The figures that `measure` wrote. Raises: BadData if the file can't be read."""
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return Measured({unit.name: unit for unit in map(Unit.model_validate, plain)})
    except (OSError, ValueError) as error:
        raise BadData(f"{path} can't be read: {error}") from None


def read_prices(path: Path = PRICES) -> Prices:
    """The assumptions. Raises: BadData if the file can't be read."""
    try:
        return Prices.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise BadData(f"{path} can't be read: {error}") from None
