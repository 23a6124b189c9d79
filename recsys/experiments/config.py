"""Settings of experiments, checked as a whole before anyone takes part in one."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, Field, field_validator, model_validator

from recsys.config import RecommendConfig
from training.config import Config
from training.errors import BadConfig

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_MODEL = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
_ROUNDING = 1e-9


class VariantConfig(Config):
    """One way to answer, beside the others of its experiment."""

    name: str = Field(pattern=NAME)
    weight: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """Its share of the experiment's people is its weight over the sum of all weights."""
    recommend: dict[str, Any] = Field(default={})
    """What differs from the product's `recommend`, as a tree: `{ranking: {taste: 0.7}}`."""
    model: str | None = Field(default=None, pattern=_MODEL)
    """Version or alias of the model whose index answers; None for the live one."""

    @field_validator("recommend")
    @classmethod
    def _known_fields(cls, recommend: dict[str, Any]) -> dict[str, Any]:
        applied(RecommendConfig(), recommend)
        return recommend

    def applied(self, base: RecommendConfig) -> RecommendConfig:
        """The settings that this variant answers by. Raises: ValueError naming the field."""
        return applied(base, self.recommend)

    @property
    def changes(self) -> frozenset[str]:
        """Dotted names of all that it changes, `model` among them."""
        changed = {f"recommend.{name}" for name, _ in leaves(self.recommend)}
        return frozenset(changed | ({"model"} if self.model else set()))


class ExperimentConfig(Config):
    """A comparison of variants, each person in one of them.

    The first variant is the control, with which the others are compared.
    """

    name: str = Field(pattern=NAME)
    salt: str | None = Field(default=None, min_length=1, max_length=64)
    """What people are drawn into variants by; the name if None. Another salt is another draw."""
    layer: str = Field(default="main", pattern=NAME)
    """Experiments of one layer share its people without overlap; layers are drawn independently,
    so that a person may be in one experiment of each."""
    share: float = Field(default=1.0, ge=0, le=1)
    """Part of the layer's people who take part. It may grow: nobody changes their variant by it."""
    offset: float = Field(default=0.0, ge=0, lt=1)
    """Where in the layer that part begins; it ends at offset + share."""
    variants: tuple[VariantConfig, ...] = Field(min_length=2, max_length=16)
    shadow: tuple[str, ...] = ()
    """Variants that are computed and logged for everyone in the experiment, and shown to nobody."""
    start: AwareDatetime | None = None
    """With its zone; None: since ever."""
    end: AwareDatetime | None = None
    """The first moment after it; None: until further notice."""
    window_hours: float = Field(default=24, gt=0, le=24 * 90)
    """A reaction counts for what was shown within this time before it."""
    values: dict[str, float] = Field(default={"like": 1.0})
    """What a reaction of each kind is worth; a kind that isn't named counts 0."""
    people: int | None = Field(default=None, ge=2)
    """Planned number of people in each variant; before that, a result isn't to be trusted."""

    @field_validator("values")
    @classmethod
    def _finite(cls, values: dict[str, float]) -> dict[str, float]:
        if not values:
            raise ValueError("name one kind of reaction at least, for example {like: 1.0}")
        for kind, value in values.items():
            if not kind or len(kind) > 64 or not abs(value) < float("inf"):
                raise ValueError(f"{kind!r:.70} must be 1 to 64 characters, its worth a number")
        return values

    @model_validator(mode="after")
    def _whole(self) -> "ExperimentConfig":
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"variants: two have the same name among {', '.join(names)}")
        for name in self.shadow:
            if name not in names:
                raise ValueError(f"shadow: no variant {name!r}; there are {', '.join(names)}")
        if len(self.shown) == 0:
            raise ValueError("shadow: one variant at least must be shown")
        if self.offset + self.share > 1 + _ROUNDING:
            raise ValueError(f"offset + share must be at most 1, not {self.offset + self.share:g}")
        if self.start and self.end and self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    @property
    def shown(self) -> tuple[VariantConfig, ...]:
        """The variants that people are drawn into, in order; the first is the control."""
        return tuple(variant for variant in self.variants if variant.name not in self.shadow)

    @property
    def shadows(self) -> tuple[VariantConfig, ...]:
        """The variants that are computed beside."""
        return tuple(variant for variant in self.variants if variant.name in self.shadow)

    def running(self, now: datetime) -> bool:
        """Whether people take part at that time."""
        return (self.start is None or self.start <= now) and (self.end is None or now < self.end)

    def variant(self, name: str) -> VariantConfig:
        """Raises: BadConfig with the names that there are."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in self.variants)
        raise BadConfig(f"experiment {self.name!r} has no variant {name!r:.70}; it has {known}")


def applied(base: RecommendConfig, overrides: Mapping[str, Any]) -> RecommendConfig:
    """The settings with some of them overridden.

    Args:
        base: the product's.
        overrides: a tree of fields; what it doesn't name stays.
    Raises: ValueError naming the field, what it must be, and the nearest known field.
    """
    try:
        return RecommendConfig.parse(_merged(base.model_dump(), overrides))
    except BadConfig as error:
        raise ValueError(error.message) from None


def check(experiments: Sequence[ExperimentConfig], base: RecommendConfig) -> None:
    """Refuse experiments that spoil each other, or whose variants contradict the product.

    Args:
        experiments: all of the product's.
        base: its recommender's settings.
    Raises: ValueError naming the experiments and the field.
    """
    names = [experiment.name for experiment in experiments]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"experiments: two have the name {name!r}")
    for experiment in experiments:
        for variant in experiment.variants:
            try:
                variant.applied(base)
            except ValueError as error:
                where = f"experiments: {experiment.name}.{variant.name}.recommend"
                raise ValueError(f"{where}: {error}") from None
    for one, other in itertools.combinations(experiments, 2):
        if _at_once(one, other):
            _check_pair(one, other)


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a tree."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + str(name), value


def _check_pair(one: ExperimentConfig, other: ExperimentConfig) -> None:
    both = f"experiments {one.name!r} and {other.name!r}"
    if one.layer == other.layer:
        shared = min(one.offset + one.share, other.offset + other.share)
        shared -= max(one.offset, other.offset)
        if shared > _ROUNDING:
            raise ValueError(
                f"{both} both want {shared:.1%} of the people of layer {one.layer!r}: set offset "
                f"and share so that they don't overlap, or give one of them another layer"
            )
        return
    if (one.salt or one.name) == (other.salt or other.name):
        raise ValueError(f"{both} draw by the same salt, so their variants would go together")
    for mine, theirs in itertools.product(one.variants, other.variants):
        for field in sorted(mine.changes):
            if any(_same(field, another) for another in theirs.changes):
                raise ValueError(
                    f"{both} are in different layers and both change {field!r}; a person could get "
                    "only one of the two: put them into one layer"
                )


def _at_once(one: ExperimentConfig, other: ExperimentConfig) -> bool:
    before = one.end and other.start and one.end <= other.start
    after = other.end and one.start and other.end <= one.start
    return not before and not after


def _same(field: str, other: str) -> bool:
    return field == other or field.startswith(f"{other}.") or other.startswith(f"{field}.")


def _merged(tree: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for name, value in overrides.items():
        inner = merged.get(name)
        if isinstance(inner, Mapping) and isinstance(value, Mapping):
            value = _merged(inner, value)
        merged[name] = value
    return merged
