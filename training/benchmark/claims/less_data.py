"""What is left when something was never trained, is missing, or is new."""

import numpy as np

from training.benchmark.claims.base import Claim, Evidence, LeftOut, claims, needed
from training.benchmark.contenders.newcomers import MOST, only_of
from training.benchmark.plan import HALVES
from training.evaluation.embedded import Direction

EMERGENT = 0.75
MISSING = 0.85
FOLD_IN = 0.70
ASKED_BY_PEOPLE = (Direction.USER_TO_IMAGE, Direction.USER_TO_TEXT, Direction.USER_TO_POST)
_MISSING_CLAIM = {
    "independent": "half of the images and half of the texts missing, each tossed for",
    "apart": "half of the images and the other half of the texts missing, no post keeps both",
}


@claims.register("emergent")
def emergent(evidence: Evidence) -> list[Claim]:
    """User→text of a model without that pair, over the model that was trained for it."""
    results = needed(evidence, "joint", "emergent")
    direction = Direction.USER_TO_TEXT
    found, trained = (results.values(name, direction) for name in ("emergent", "joint"))
    if not len(found) or not len(trained):
        raise LeftOut("no person has a held-out text")
    value = float(found.mean() / trained.mean())
    weighed = results.values("emergent_weighed", direction).mean()
    back = Direction.TEXT_TO_USER
    detail = (
        f"user→text MAP {found.mean():.3f} of {trained.mean():.3f}; with block weights chosen on "
        f"validation {weighed:.3f}; text→user {results.values('emergent', back).mean():.3f} of "
        f"{results.values('joint', back).mean():.3f}; people stand by id and images alone"
    )
    name = "user→text without user–text training, share of the directly trained MAP"
    return [Claim(name, value, EMERGENT, value >= EMERGENT, detail)]


@claims.register("missing_modalities")
def missing_modalities(evidence: Evidence) -> list[Claim]:
    """Mean of the six after training with half of the content, over that with all of it."""
    claimed = []
    for kind in HALVES:
        half, alone = f"joint, half {kind}", f"isolated, half {kind}"
        results = needed(evidence, "joint", half, alone)
        directions = results.shared_six("joint", half, alone)
        if not directions:
            raise LeftOut("no direction that all can do")
        full, left, isolated = (results.six(n, directions).mean() for n in ("joint", half, alone))
        value = float(left / full)
        above = sum(
            results.values(half, d).mean() > results.values(alone, d).mean() for d in directions
        )
        claimed.append(
            Claim(
                f"{_MISSING_CLAIM[kind]}: share of the full mean of six, above isolated",
                value,
                MISSING,
                bool(value >= MISSING and left > isolated),
                f"joint {left:.3f} of {full:.3f}; isolated on the same data {isolated:.3f}; joint "
                f"is above it in {above} of {len(directions)} directions",
            )
        )
    return claimed


@claims.register("newcomers")
def newcomers(evidence: Evidence) -> list[Claim]:
    """Fold-in over the same people when trained with all of their training posts."""
    needed(evidence, "joint")
    if not evidence.results.has("fold_in_1"):
        raise LeftOut("too few people have a test post and three training posts")
    trained = _trained_same_people(evidence)
    by_count = {k: _means(evidence.results.tables[f"fold_in_{k}"]) for k in range(1, MOST + 1)}
    folded = {d: float(np.mean([each[d] for each in by_count.values()])) for d in trained}
    value = float(np.mean(list(folded.values())) / np.mean(list(trained.values())))
    mixed = _means(evidence.results.tables["fold_in_mixed"])
    few = _means(evidence.results.tables["trained_few"])
    shared = [d for d in ASKED_BY_PEOPLE if d in mixed and d in few]
    against_few = np.mean([mixed[d] for d in shared]) / np.mean([few[d] for d in shared])
    parts = "; ".join(
        f"{d.arrow} "
        + " / ".join(f"{each[d]:.3f}" for each in by_count.values())
        + f" of {trained[d]:.3f}"
        for d in trained
    )
    detail = (
        f"MAP with 1 / 2 / 3 posts of the same people trained with all theirs: {parts}; against "
        f"the same people trained with the same one to three posts {against_few:.0%}"
    )
    name = "people never seen in training, placed by 1 to 3 posts: share of their MAP when trained"
    return [Claim(name, value, FOLD_IN, value >= FOLD_IN, detail)]


def _trained_same_people(evidence: Evidence) -> dict[Direction, float]:
    """MAP of `joint` on the newcomers' queries, seed by seed with that seed's newcomers."""
    tables = [
        only_of(dict(joint), newcomer.vectors["people"])
        for joint, newcomer in zip(
            evidence.results.tables["joint"], evidence.results.outcomes["newcomers"], strict=True
        )
    ]
    return _means(tables)


def _means(tables) -> dict[Direction, float]:
    return {
        direction: float(np.mean([table[direction].summary()["map"] for table in tables]))
        for direction in ASKED_BY_PEOPLE
        if all(direction in table for table in tables)
    }
