"""The benchmark of reactions: our model, its baselines, two protocols, one table.

Protocols: `last_of_each` holds out the last fifth of each person's likes, `after_a_date` everything
after one date. All settings, ours and the baselines', are chosen by nDCG@10 on the latest likes of
the training part; the test part is touched once. Every ranking is of all posts.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.data.clean import CleanData
from training.errors import BadData
from training.features import FeatureTable
from training.modalities import PostFeatures
from training.observer import SILENT, Observer
from training.reactions.claims import claims, differences
from training.reactions.config import ReactionConfig
from training.reactions.contenders import (
    OURS,
    Contender,
    Settings,
    ours_of,
    rivals_of,
    tune,
)
from training.reactions.events import Events, read_events
from training.reactions.holdout import Holdout, after_a_date, last_of_each, latest_reactions
from training.reactions.model import train_reactions
from training.reactions.probabilities import judge_kinds
from training.reactions.ranking import Measured, Task
from training.reactions.reliability import PLOT, reliability_plot
from training.reactions.selection import SEARCHED, select

TEST_SHARE = 0.2
PROTOCOLS: dict[str, Callable[[Events, ReactionConfig, float], Holdout]] = {
    "last_of_each": last_of_each,
    "after_a_date": after_a_date,
}
FEWEST_TESTED = 10
"""People with a held-out like, below which a protocol gives no figure worth printing."""


def benchmark_reactions(
    data: CleanData,
    features: FeatureTable,
    seeds: Sequence[int] = (0, 1, 2),
    observer: Observer = SILENT,
    *,
    config: ReactionConfig = ReactionConfig(),
    plots: Path | None = None,
) -> dict[str, Any]:
    """Measure our model and the baselines on one data set.

    Args:
        data: with reactions.
        features: of its posts; a width of 0 for what wasn't encoded.
        seeds: of the models that draw random numbers.
        observer: sees the stages.
        config: of our model; what `select` chooses is chosen anew for each protocol.
        plots: folder for the reliability plot; none is drawn if None.
    Returns: plain data. `protocols` holds {protocol: {slice: {model: {metric: {mean, std, n}}}}}
        (see `ranking.SLICES`; std over seeds, n people), `roles` what each model is there for,
        `differences` {protocol: {slice: {model: ours minus it in nDCG@10, with an interval}}},
        `chosen` the settings, `seeds` as given, `calibration` the probabilities' errors, `claims`
        one object each.
    Raises: BadData if there are too few reactions; BadConfig without the package `implicit`.
    """
    started = time.monotonic()
    events = read_events(data.reactions(), features.post_ids.tolist())
    outcome: dict[str, Any] = {
        "data": _counts(events),
        "protocols": {},
        "differences": {},
        "chosen": {},
        "seeds": list(seeds),
    }
    for name, hold_out in PROTOCOLS.items():
        holdout = hold_out(events, config, TEST_SHARE)
        outcome["data"][name] = _held_out(holdout)
        if len(np.unique(holdout.test.person)) < FEWEST_TESTED or not len(holdout.held.likes()):
            observer.note(f"{name}: too few people with held-out likes, left out")
            continue
        measured, chosen, roles = _run(name, holdout, features.posts, seeds, config, observer)
        outcome["protocols"][name] = _table(measured)
        outcome["differences"][name] = differences(measured)
        outcome["chosen"][name] = chosen
        outcome["roles"] = roles
    if "last_of_each" not in outcome["protocols"]:
        raise BadData("too few reactions to measure", hint="ten people with five likes at least")
    authors = features.user_ids.tolist()
    outcome["calibration"] = _calibration(events, authors, features, config, observer, plots)
    outcome["claims"] = claims(outcome)
    outcome["seconds"] = round(time.monotonic() - started, 1)
    return outcome


def _run(
    protocol: str,
    holdout: Holdout,
    features: PostFeatures,
    seeds: Sequence[int],
    config: ReactionConfig,
    observer: Observer,
) -> tuple[dict[str, list[Measured]], dict[str, Any], dict[str, str]]:
    """Tune every model on validation, fit it on all of the training part, measure it."""
    task = Task.of(holdout)
    inner = last_of_each(holdout.train, config, config.validation_share)
    validation = Task.of(inner)
    observer.stage(f"Reactions, {protocol}: choosing settings on validation")
    own, tried = select(holdout.train, features, config, seeds[0])
    chosen: dict[str, Any] = {OURS: own.model_dump(include=set(SEARCHED)) | {"tried": tried}}
    trials = rivals_of(inner, features, config)
    outer = rivals_of(holdout, features, config) | ours_of(holdout, features, own)
    measured: dict[str, list[Measured]] = {}
    for number, (name, contender) in enumerate(outer.items(), start=1):
        settings: Settings = {}
        if name in trials:
            settings, figure = tune(trials[name], validation, seeds[0])
            chosen[name] = {**settings, "validation": figure}
        measured[name] = _seeded(contender, settings, task, seeds)
        observer.advance(f"models, {protocol}", number, len(outer))
    return measured, chosen, {name: each.role.value for name, each in outer.items()}


def _seeded(
    contender: Contender, settings: Settings, task: Task, seeds: Sequence[int]
) -> list[Measured]:
    used = seeds if contender.seeded else seeds[:1]
    return [task.measure(contender.fit(seed, settings)) for seed in used]


def _table(measured: dict[str, list[Measured]]) -> dict[str, Any]:
    """{slice: {model: {metric: {mean, std, n}}}}; slices without a positive are left out."""
    table: dict[str, Any] = {}
    for model, runs in measured.items():
        for part, values in runs[0].items():
            for metric, each in values.items():
                if len(each):
                    means = [float(run[part][metric].mean()) for run in runs]
                    cell = {"mean": float(np.mean(means)), "std": float(np.std(means))}
                    cells = table.setdefault(part, {}).setdefault(model, {})
                    cells[metric] = cell | {"n": len(each)}
    return table


def _calibration(
    events: Events,
    authors: Sequence[str],
    features: FeatureTable,
    config: ReactionConfig,
    observer: Observer,
    plots: Path | None,
) -> dict[str, Any]:
    """Train on all but the latest reactions of each person; judge the probabilities on those."""
    later = latest_reactions(events, TEST_SHARE)
    known, latest = events[~later], events[later]
    model = train_reactions(known, authors, features.posts, config, observer=observer)
    judged = judge_kinds(model.kinds, model.space, known, latest, model.base)
    if plots is not None and judged:
        titles = {name: f"{name} ({model.kinds[name].question.value})" for name in judged}
        reliability_plot(judged, titles, plots / PLOT)
    return {
        name: {
            "question": model.kinds[name].question.value,
            "ece_score_alone": raw.error,
            "ece": calibrated.error,
            "base_rate": float(calibrated.weight @ calibrated.happened),
            "n": calibrated.pairs,
        }
        for name, (raw, calibrated) in judged.items()
    }


def _counts(events: Events) -> dict[str, Any]:
    kinds = np.bincount(events.kind, minlength=len(events.kinds)).tolist()
    return {
        "people": len(events.users),
        "posts": len(events.posts),
        "reactions": len(events),
        "kinds": dict(zip(events.kinds, kinds, strict=True)),
    }


def _held_out(holdout: Holdout) -> dict[str, int]:
    return {
        "people": len(np.unique(holdout.test.person)),
        "likes": len(holdout.test),
        "cold_likes": int(holdout.cold[holdout.test.post].sum()),
        "training_likes": len(holdout.held.likes()),
        "cold_posts": int(holdout.cold.sum()),
    }
