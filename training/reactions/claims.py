"""What the benchmark says in one line each, with what would make it false."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.intervals import bootstrap_interval
from training.reactions.contenders import OURS, Role
from training.reactions.ranking import ALL, AMONG_COLD, COLD, LIKES, Measured

METRIC = "ndcg@10"

Gap = dict[str, float]


def differences(measured: Mapping[str, Sequence[Measured]]) -> dict[str, dict[str, Gap]]:
    """Ours minus each other model in nDCG@10, each person's mean over seeds, paired by person.

    Returns: slice to model to value and the 95 % interval (low, high) of a bootstrap over people;
        slices without a positive are left out.
    """
    found: dict[str, dict[str, Gap]] = {}
    for part, values in measured[OURS][0].items():
        if len(values[METRIC]):
            ours = _means(measured[OURS], part)
            found[part] = {
                model: bootstrap_interval(ours - _means(runs, part))._asdict()
                for model, runs in measured.items()
                if model != OURS
            }
    return found


def _means(runs: Sequence[Measured], part: str) -> np.ndarray:
    return np.mean([run[part][METRIC] for run in runs], axis=0)


def claims(outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
    """{claim, value, target, met, detail} of warm and cold posts, from `last_of_each`.

    Met where our mean is above that of the best baseline and the interval of their difference over
    people leaves out 0. Judged where only liked posts are left out (`seen_likes`), the harder of
    the two rules. Baselines that know no cold post give them all the same score and get nothing for
    them, as ties count against a model; `random` stands for guessing.
    """
    table = outcome["protocols"]["last_of_each"]
    gaps = outcome["differences"]["last_of_each"]
    meanings = {
        LIKES: "nDCG@10 of held-out likes above the best baseline",
        COLD: "nDCG@10 of posts that nobody reacted to, among all posts, above every baseline",
        AMONG_COLD: "nDCG@10 of posts that nobody reacted to, among such, above every baseline",
    }
    found = [
        _claim(f"reactions: {meaning}", table[part], gaps[part], outcome["roles"])
        for part, meaning in meanings.items()
        if part in table
    ]
    easier = _claim("", table[ALL], gaps[ALL], outcome["roles"])
    found[0]["detail"] += (
        f"; where all that a person reacted to is left out: {easier['value']:.4f}, "
        f"{easier['detail']}"
    )
    return found


def _claim(
    claim: str, models: Mapping[str, Any], gaps: Mapping[str, Gap], roles: Mapping[str, str]
) -> dict[str, Any]:
    figures = {name: cells[METRIC]["mean"] for name, cells in models.items()}
    rivals = [name for name in figures if roles[name] == Role.BASELINE]
    best = max(rivals, key=lambda name: figures[name])
    details = [
        f"{models[OURS][METRIC]['n']} people",
        f"best baseline {_shown(best, figures, gaps)}",
    ]
    details += [
        f"control {_shown(name, figures, gaps)}"
        for name in figures
        if roles[name] == Role.CONTROL and figures[name] > 0
    ]
    return {
        "claim": claim,
        "value": figures[OURS],
        "target": figures[best],
        "met": bool(gaps[best]["low"] > 0),
        "detail": "; ".join(details),
    }


def _shown(name: str, figures: Mapping[str, float], gaps: Mapping[str, Gap]) -> str:
    gap = gaps[name]
    return (
        f"{name} {figures[name]:.4f}, difference {gap['value']:+.4f} "
        f"[{gap['low']:+.4f}, {gap['high']:+.4f}]"
    )
