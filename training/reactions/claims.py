"""What the benchmark says in one line each, with what would make it false."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.intervals import bootstrap_interval
from training.reactions.contenders import CONTROL, OURS, Role
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

    Judged where only liked posts are left out (`seen_likes`), the harder of the two rules.
    """
    table = outcome["protocols"]["last_of_each"]
    gaps = outcome["differences"]["last_of_each"]
    best, target = _best(table[LIKES], outcome["roles"])
    value = table[LIKES][OURS][METRIC]["mean"]
    all_best, all_target = _best(table[ALL], outcome["roles"])
    found = [
        _claim(
            "reactions: nDCG@10 of held-out likes above the best baseline",
            value,
            target,
            f"best baseline {best}, difference {_shown(gaps[LIKES][best])}; where all that was "
            f"reacted to is left out {table[ALL][OURS][METRIC]['mean']:.4f} against "
            f"{all_target:.4f} ({all_best}){_control(gaps[LIKES])}",
        )
    ]
    if COLD in table:
        best, target = _best(table[COLD], outcome["roles"])
        among, among_target = _best(table[AMONG_COLD], outcome["roles"])
        found.append(
            _claim(
                "reactions: nDCG@10 of cold posts, among all posts, above every baseline",
                table[COLD][OURS][METRIC]["mean"],
                target,
                f"best baseline {best}, difference {_shown(gaps[COLD][best])}; among cold posts "
                f"only {table[AMONG_COLD][OURS][METRIC]['mean']:.4f} against {among_target:.4f} "
                f"({among}), difference {_shown(gaps[AMONG_COLD][among])}; "
                f"{table[COLD][OURS][METRIC]['n']} people",
            )
        )
    return found


def _best(models: Mapping[str, Any], roles: Mapping[str, str]) -> tuple[str, float]:
    figures = {
        name: cells[METRIC]["mean"]
        for name, cells in models.items()
        if roles[name] == Role.BASELINE
    }
    best = max(figures, key=lambda name: figures[name])
    return best, figures[best]


def _claim(claim: str, value: float, target: float, detail: str) -> dict[str, Any]:
    met = value > target
    return {"claim": claim, "value": value, "target": target, "met": met, "detail": detail}


def _control(gaps: Mapping[str, Gap]) -> str:
    return f"; against EASE with our recency {_shown(gaps[CONTROL])}" if CONTROL in gaps else ""


def _shown(gap: Gap) -> str:
    return f"{gap['value']:+.4f} [{gap['low']:+.4f}, {gap['high']:+.4f}]"
