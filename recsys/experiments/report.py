"""What an experiment has shown so far: its variants, how they differ, and what to beware of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from recsys.events.outcomes import OutcomeReader, Outcomes, VariantOutcomes
from recsys.experiments.caution import MISMATCH, anytime_interval, detectable, mismatch, needed
from recsys.experiments.config import ExperimentConfig
from recsys.experiments.ratio import (
    Interval,
    Ratio,
    bootstrap_interval,
    mean_per_person,
    welch_interval,
)
from training.errors import NotFound

PER_PERSON = "value per person"
PER_EXPOSURE = "value per exposure"
PERIODS = 14
_FEW = 30
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class VariantReport:
    """A variant by itself.

    Attributes:
        name: of the variant.
        people: who were shown it, and nothing else.
        exposures: posts that they were shown.
        metrics: by name, with 95 % intervals over people: the values, and for each kind of reaction
            the share of exposures that had one.
    """

    name: str
    people: int
    exposures: int
    metrics: dict[str, Interval]


@dataclass(frozen=True)
class Comparison:
    """A variant minus the control, in one metric.

    Attributes:
        variant: which.
        metric: in which.
        bootstrap: over people; the interval to read.
        welch: the same by Welch's test or the delta method, as a check.
        anytime: wider, and good at every look.
        relative: the difference as a part of the control's value; None where that isn't above 0.
        detectable: the smallest true difference that this many people would show 4 times in 5.
    """

    variant: str
    metric: str
    bootstrap: Interval
    welch: Interval
    anytime: Interval
    relative: float | None
    detectable: float


@dataclass(frozen=True)
class Moment:
    """How things stood at the end of a period: value per person by all that had come by then.

    Attributes:
        end: of the period.
        values: by variant.
        differences: to the control by variant, as of `Comparison.welch`.
        anytime: to the control by variant, as of `Comparison.anytime`.
    """

    end: datetime
    values: dict[str, Interval]
    differences: dict[str, Interval]
    anytime: dict[str, Interval]


@dataclass(frozen=True)
class ExperimentReport:
    """All of it.

    Attributes:
        experiment: its name.
        control: the variant that the others are compared with.
        start: the first moment that counts.
        end: the first that doesn't.
        window_hours: in which a reaction counts for what was shown.
        variants: in the order of the configuration.
        comparisons: of every other variant in every metric.
        mismatch: p-value of the split; see `caution.mismatch`.
        mixed: people who were shown several variants, left out.
        pending: exposures whose window isn't over, left out.
        cautions: sentences to read before the figures.
        history: how value per person has come about.
    """

    experiment: str
    control: str
    start: datetime
    end: datetime
    window_hours: float
    variants: tuple[VariantReport, ...]
    comparisons: tuple[Comparison, ...]
    mismatch: float
    mixed: int
    pending: int
    cautions: tuple[str, ...]
    history: tuple[Moment, ...]


def report_on(
    experiment: ExperimentConfig, outcomes: OutcomeReader, now: datetime, *, seed: int = 0
) -> ExperimentReport:
    """Read an experiment's outcomes and say what they are.

    Args:
        experiment: which.
        outcomes: of the event database.
        now: with its zone.
        seed: of the bootstrap.
    Raises: NotFound if nothing was shown in it yet, or nothing a window ago.
    """
    span = outcomes.span(experiment.name)
    if span is None:
        raise NotFound(
            f"nothing was shown in experiment {experiment.name!r} yet",
            hint="exposures are logged while the service answers with this configuration",
        )
    start = max(span[0], experiment.start or span[0])
    end = max(min(span[1] + _MOMENT, experiment.end or now, now), start + _MOMENT)
    ends = [start + (end - start) * number / PERIODS for number in range(1, PERIODS)]
    window = round(experiment.window_hours * 3600)
    found = outcomes.of(experiment.name, start, [*ends, end], window, now)
    if not any(one.people for one in found.variants.values()):
        raise NotFound(
            f"no outcome of experiment {experiment.name!r} is complete: {found.pending} exposures "
            f"wait for reactions until {experiment.window_hours:g} hours after they were shown",
            hint="come back later, or set a shorter window_hours",
        )
    return summarised(experiment, found, start, seed=seed)


def summarised(
    experiment: ExperimentConfig, outcomes: Outcomes, start: datetime, *, seed: int = 0
) -> ExperimentReport:
    """The report on what was read; for arguments see there."""
    names = [variant.name for variant in experiment.shown]
    nobody = VariantOutcomes(np.zeros((0, len(outcomes.ends)), np.int64), {})
    found = {name: outcomes.variants.get(name, nobody) for name in names}
    kinds = sorted({kind for one in found.values() for kind in one.hits} | set(experiment.values))
    ratios = {name: _ratios(one, experiment, kinds) for name, one in found.items()}
    comparisons = tuple(
        _compared(name, metric, ratios[name][metric], control, seed, experiment)
        for name in names[1:]
        for metric, control in ratios[names[0]].items()
    )
    counts = {name: one.people for name, one in found.items()}
    weights = {variant.name: variant.weight for variant in experiment.shown}
    split = mismatch(counts, weights)
    return ExperimentReport(
        experiment=experiment.name,
        control=names[0],
        start=start,
        end=outcomes.ends[-1],
        window_hours=experiment.window_hours,
        variants=tuple(
            VariantReport(
                name,
                one.people,
                int(one.exposures.sum()),
                {metric: ratio.interval() for metric, ratio in ratios[name].items()},
            )
            for name, one in found.items()
        ),
        comparisons=comparisons,
        mismatch=split,
        mixed=outcomes.mixed,
        pending=outcomes.pending,
        cautions=tuple(_cautions(experiment, outcomes, counts, split, ratios)),
        history=tuple(_history(experiment, found, outcomes.ends)),
    )


def _ratios(
    found: VariantOutcomes, experiment: ExperimentConfig, kinds: Sequence[str]
) -> dict[str, Ratio]:
    shown = found.exposures.sum(axis=1).astype(float)
    value = _value(found, experiment).sum(axis=1)
    ratios = {PER_PERSON: mean_per_person(value), PER_EXPOSURE: Ratio(value, shown)}
    for kind in kinds:
        hits = found.hits[kind].sum(axis=1) if kind in found.hits else np.zeros(found.people)
        ratios[f"{kind} rate"] = Ratio(hits.astype(float), shown)
    return ratios


def _value(found: VariantOutcomes, experiment: ExperimentConfig) -> np.ndarray:
    """(P, T) float, what each person's reactions of each period were worth."""
    total = np.zeros(found.exposures.shape)
    for kind, worth in experiment.values.items():
        if kind in found.hits:
            total += worth * found.hits[kind]
    return total


def _compared(
    variant: str,
    metric: str,
    treated: Ratio,
    control: Ratio,
    seed: int,
    experiment: ExperimentConfig,
) -> Comparison:
    difference = treated.value - control.value
    return Comparison(
        variant,
        metric,
        bootstrap_interval(treated, control, seed=seed),
        welch_interval(treated, control),
        anytime_interval(treated, control, _planned(experiment)),
        difference / control.value if control.value > 0 else None,
        detectable(treated, control),
    )


def _planned(experiment: ExperimentConfig) -> int | None:
    return 2 * experiment.people if experiment.people else None


def _history(
    experiment: ExperimentConfig, found: dict[str, VariantOutcomes], ends: Sequence[datetime]
) -> Iterator[Moment]:
    for number, end in enumerate(ends, start=1):
        ratios = {}
        for name, one in found.items():
            met = one.exposures[:, :number].sum(axis=1) > 0
            value = _value(one, experiment)[met, :number].sum(axis=1)
            ratios[name] = mean_per_person(value)
        control, *others = ratios
        pairs = {name: (ratios[name], ratios[control]) for name in others}
        yield Moment(
            end,
            {name: ratio.interval() for name, ratio in ratios.items()},
            {name: welch_interval(*pair) for name, pair in pairs.items()},
            {name: anytime_interval(*pair, _planned(experiment)) for name, pair in pairs.items()},
        )


def _cautions(
    experiment: ExperimentConfig,
    outcomes: Outcomes,
    counts: dict[str, int],
    split: float,
    ratios: dict[str, dict[str, Ratio]],
) -> Iterator[str]:
    if split < MISMATCH:
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield (
            f"The split doesn't fit the weights ({shown}; p = {split:.1g}): people of a variant "
            "got lost or were counted twice. Find out why before you believe any figure below."
        )
    if outcomes.mixed:
        yield (
            f"{outcomes.mixed} people were shown more than one variant and are left out: were "
            "weights or the salt changed while it ran?"
        )
    smallest = min(counts, key=lambda name: counts[name])
    if experiment.people is None:
        yield (
            "No planned size is set (people): the usual intervals hold for one look at a size "
            "that was set before. Who looks often should read the anytime intervals."
        )
    elif counts[smallest] < experiment.people:
        yield (
            f"The planned size isn't reached: {counts[smallest]} of {experiment.people} people in "
            f"{smallest!r}. Don't decide by the usual intervals yet; the anytime ones may be read."
        )
    if counts[smallest] < _FEW:
        yield f"{smallest!r} has {counts[smallest]} people: too few for any of these intervals."
    control = ratios[experiment.shown[0].name][PER_PERSON]
    for variant in experiment.shown[1:]:
        treated = ratios[variant.name][PER_PERSON]
        usual, difference = welch_interval(treated, control), treated.value - control.value
        people = needed(treated, control, difference)
        if people and usual.low <= 0 <= usual.high and people > counts[smallest]:
            yield (
                f"{variant.name!r} isn't told from the control: a true difference as small as the "
                f"one seen ({difference:+.4f}) needs about {people} people in each."
            )
    if len(experiment.shown) > 2:
        number = len(experiment.shown) - 1
        yield f"{number} variants are compared at 95 % each: one may win by luck the more easily."
    if outcomes.pending:
        yield (
            f"{outcomes.pending} exposures of the last {experiment.window_hours:g} hours aren't "
            "counted yet."
        )
