"""What an evaluation of the recommender claims: figures beside their targets."""

from collections.abc import Mapping
from typing import Any

from infra.benchmarks.claims import Claim

NDCG, RECALL, MAP = "ndcg@10", "recall@20", "map"
OURS = "ours"
UNIMODAL = ("text", "image")
MOST_LOST = 0.03
RATIO_OVER_NOTHING = 1000.0
"""Stands for a ratio to 0, which JSON has no number for."""

Outcome = Mapping[str, Any]


def reaction_claims(name: str, outcome: Outcome, command: str) -> list[Claim]:
    """Of a data set with reactions: above every baseline, cold people and posts, diversity.

    Args:
        name: of the data set.
        outcome: see `recsys.evaluation.run.evaluate`.
        command: that measured it.
    """
    claims = []
    for split, found in outcome["splits"].items():
        for measure in (NDCG, RECALL):
            claims.append(_above_all(f"{name}, {split}", found, measure, command))
        for part, what in (("cold_people", "cold people"), ("among_cold_posts", "cold posts")):
            if part in found["slices"]:
                claims.append(_over_popularity(f"{name}, {split}, {what}", found, part, command))
        if found.get("curve"):
            claims.append(_diversity(f"{name}, {split}", found["curve"], command))
    return claims


def own_post_claims(name: str, outcome: Outcome, command: str) -> list[Claim]:
    """Of a data set of own posts: above the unimodal recommenders, and diversity.

    Held against features as the encoders give them, and against the same whitened: that is a part
    of our model, lent to them, and the harder rival.
    """
    found = outcome["splits"]["own_posts"]
    value = _value(found, OURS, MAP)
    claims = []
    for prefix, how in (("", ""), ("whitened_", ", whitened")):
        rivals = [prefix + each for each in UNIMODAL if prefix + each in found["contenders"]]
        if not rivals:
            continue
        maps = {each: _value(found, each, MAP) for each in rivals}
        detail = f"MAP {value:.4f}; " + ", ".join(f"{n} {v:.4f}" for n, v in maps.items())
        what = f"{name}, hidden own posts: MAP over the best unimodal recommender{how}"
        claims.append(Claim(what, value / max(maps.values()), ">= 1.3", command, detail))
    if found.get("curve"):
        claims.append(_diversity(name, found["curve"], command))
    return claims


def _above_all(what: str, found: Outcome, measure: str, command: str) -> Claim:
    gap = found["differences"]["all"][measure]
    best, above = gap["best"], gap["above"][OURS]
    target = _value(found, best, measure)
    detail = (
        f"{found['people']} people; best baseline {best}, difference {above['value']:+.4f} "
        f"[{above['low']:+.4f}, {above['high']:+.4f}]"
    )
    shown = {NDCG: "nDCG@10", RECALL: "recall@20"}[measure]
    value = _value(found, OURS, measure)
    return Claim(f"{what}: {shown} above every baseline", value, f"> {target:.4f}", command, detail)


def _over_popularity(what: str, found: Outcome, part: str, command: str) -> Claim:
    ours, popular = (_value(found, name, NDCG, part) for name in (OURS, "popularity"))
    ratio = ours / popular if popular > 0 else RATIO_OVER_NOTHING * (ours > 0)
    detail = f"{found['slices'][part]} people; {ours:.4f} over {popular:.4f}"
    claim = f"{what}: nDCG@10 over popularity"
    return Claim(claim, min(ratio, RATIO_OVER_NOTHING), ">= 3", command, detail)


def _diversity(what: str, curve: list[Mapping[str, float]], command: str) -> Claim:
    can_be_paid = [point for point in curve if point["lost"] <= MOST_LOST]
    best = max(can_be_paid, key=lambda point: point["gained"])
    detail = "; ".join(
        f"strength {each['strength']:g}: {each['gained']:+.1%} diversity, {-each['lost']:+.1%} nDCG"
        for each in curve
    )
    claim = f"{what}: diversity gained for at most 3 % of nDCG@10"
    return Claim(claim, best["gained"], ">= 0.3", command, detail)


def _value(found: Outcome, name: str, measure: str, part: str = "all") -> float:
    return found["contenders"][name]["slices"][part][measure]["value"]
