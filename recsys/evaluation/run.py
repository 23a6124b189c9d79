"""The evaluation from a network to a report: split, fit, ask, measure, compare."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from recsys.evaluation.config import EvaluationConfig, SplitName
from recsys.evaluation.contender import Contender
from recsys.evaluation.curve import CurvePoint, ListsAt, diversity_curve
from recsys.evaluation.measure import Judge, Measured
from recsys.evaluation.network import Network
from recsys.evaluation.report import differences, figures
from recsys.evaluation.slices import slices_of
from recsys.evaluation.split import SPLITS, Split, Training, check, drawn
from recsys.evaluation.trust import reliability_of
from training.errors import BadData
from training.observer import SILENT, Observer
from training.reactions.config import ReactionConfig
from training.reactions.contenders import Role

Varied = Callable[[Training, np.ndarray, int], ListsAt]
"""Training part, (P,) people and length of lists to our lists by strength of diversity."""


def evaluate(
    network: Network,
    contenders: Sequence[Contender],
    config: EvaluationConfig = EvaluationConfig(),
    reactions: ReactionConfig = ReactionConfig(),
    observer: Observer = SILENT,
    *,
    varied: Varied | None = None,
) -> dict[str, Any]:
    """Measure every contender on every split by the same rules.

    Args:
        network: to part.
        contenders: to compare; those that can't take part are named with the reason.
        config: see there.
        reactions: how reactions are read, by all contenders.
        observer: sees the progress.
        varied: for the curve of diversity; none is drawn if None.
    Returns: plain data: `data` counts; `splits` {name: {people, likes, depth, slices, contenders
        {name: {role, settings, seconds, slices, beyond}}, differences, skipped {name: reason},
        reliability, curve}}; `seconds`.
    Raises: BadData if a split asks too few people.
    """
    started = time.monotonic()
    names = config.splits or default_splits(network)
    outcome: dict[str, Any] = {"data": _counts(network), "config": config.model_dump(mode="json")}
    outcome["splits"] = {}
    for name in names:
        split = check(SPLITS[name](network, reactions, config.seed))
        split = drawn(split, config.people, config.seed)
        observer.stage(f"{name}: {len(split.people)} people, {len(split.test)} held-out likes")
        found = _run(network, split, contenders, config, observer, varied)
        outcome["splits"][name] = found
    return outcome | {"seconds": round(time.monotonic() - started, 1)}


def default_splits(network: Network) -> tuple[SplitName, ...]:
    """By date and by person where there are reactions; by own posts where there are none."""
    return ("temporal", "last_of_each") if len(network.events) else ("own_posts",)


def _run(
    network: Network,
    split: Split,
    contenders: Sequence[Contender],
    config: EvaluationConfig,
    observer: Observer,
    varied: Varied | None,
) -> dict[str, Any]:
    depth = config.depth_own if split.training.own else config.depth
    slices = slices_of(split, config.cold_person)
    judge = Judge(network, split, slices, config.cutoff, depth)
    measured: dict[str, Measured] = {}
    roles: dict[str, Role] = {}
    found: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    for number, contender in enumerate(contenders, start=1):
        observer.advance("contenders", number, len(contenders))
        reason = contender.skip(split.training)
        if reason is not None:
            observer.note(f"{contender.name} is left out: {reason}")
            skipped[contender.name] = reason
            continue
        begun = time.monotonic()
        fitted = contender.fit(split.training)
        seconds = {"fit": round(time.monotonic() - begun, 2)}
        begun = time.monotonic()
        _, measured[contender.name] = judge.measure(fitted)
        seconds["ask"] = round(time.monotonic() - begun, 2)
        roles[contender.name] = contender.role
        found[contender.name] = {
            "role": contender.role.value,
            "settings": fitted.settings,
            "seconds": seconds,
        } | figures(measured[contender.name], slices, config.seed)
        ndcg = float(np.mean(measured[contender.name].slices["all"]["ndcg@10"]))
        observer.note(f"{contender.name}: nDCG@10 {ndcg:.4f}")
    outcome: dict[str, Any] = {
        "people": len(split.people),
        "likes": len(split.test),
        "depth": depth,
        "slices": {part.name: len(part.rows) for part in slices},
        "contenders": found,
        "differences": differences(measured, roles, slices, config.seed),
        "skipped": skipped,
        "reliability": reliability_of(split, config.seed),
    }
    if varied is not None:
        lists_at = varied(split.training, split.people, config.cutoff)
        observer.stage(f"{split.name}: what diversity costs")
        outcome["curve"] = [asdict(point) for point in _curve(lists_at, judge, observer)]
    return outcome


def _curve(lists_at: ListsAt, judge: Judge, observer: Observer) -> list[CurvePoint]:
    def seen(strength: float) -> Sequence[np.ndarray]:
        observer.note(f"strength {strength:g}")
        return lists_at(strength)

    return diversity_curve(seen, judge)


def _counts(network: Network) -> dict[str, int]:
    if not len(network):
        raise BadData("there is no public post to recommend")
    return {
        "people": len({post.user_id for post in network.posts} | set(network.events.users)),
        "posts": len(network),
        "reactions": len(network.events),
    }
