import numpy as np

from training.reactions.claims import claims, differences
from training.reactions.ranking import ALL, LIKES, METRICS

ROLES = {"ease": "baseline", "random": "baseline", "ease_recency": "control", "reactions": "ours"}


def outcome_of(ours: np.ndarray, ease: np.ndarray) -> dict:
    figures = {"ease": ease, "random": 0 * ease, "ease_recency": ease + 1, "reactions": ours}
    measured = {
        name: [{part: {metric: values for metric in METRICS} for part in (LIKES, ALL)}]
        for name, values in figures.items()
    }
    cells = {
        name: {"ndcg@10": {"mean": float(values.mean()), "std": 0.0, "n": len(values)}}
        for name, values in figures.items()
    }
    return {
        "protocols": {"last_of_each": {LIKES: cells, ALL: cells}},
        "differences": {"last_of_each": differences(measured)},
        "roles": ROLES,
    }


def test_a_claim_is_met_only_beyond_the_chance_of_who_was_asked():
    random = np.random.default_rng(0)
    ease = random.random(200)
    [sure] = claims(outcome_of(ease + 0.1 + 0.1 * random.standard_normal(200), ease))
    [luck] = claims(outcome_of(ease + 0.01 + 0.5 * random.standard_normal(200), ease))
    [worse] = claims(outcome_of(ease - 0.1, ease))
    assert (sure["met"], luck["met"], worse["met"]) == (True, False, False)
    assert worse["value"] < worse["target"]


def test_the_target_is_the_best_baseline_and_controls_are_only_told():
    ease = np.full(20, 0.5)
    [claim] = claims(outcome_of(ease + 0.1, ease))
    assert claim["target"] == 0.5
    assert "control ease_recency 1.5000, difference -0.9000" in claim["detail"]
