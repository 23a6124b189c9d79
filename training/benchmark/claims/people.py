"""What embeddings of people say about them: interests, groups, and what they will like."""

from training.benchmark.claims.base import Claim, Evidence, LeftOut, claims

BASELINES = ("unimodal_image", "unimodal_text", "concatenation")
_METRICS = {"macro_f1": "macro-F1 of the dominant category", "ndcg": "nDCG of the category mix"}


@claims.register("interests")
def interests(evidence: Evidence) -> list[Claim]:
    """The probe on the joint embedding above every unimodal one, their intervals apart."""
    models = evidence.interests.get("models", {})
    if "joint" not in models:
        raise LeftOut(evidence.interests.get("reason", "no categories"))
    claimed = []
    for metric, meaning in _METRICS.items():
        joint = models["joint"][metric]
        best = max(BASELINES, key=lambda name: models[name][metric]["mean"])
        rival = models[best][metric]
        gap = evidence.interests["differences"][best][metric]
        claimed.append(
            Claim(
                f"interests: {meaning} from the embedding, intervals apart from every unimodal one",
                joint["mean"],
                rival["mean"],
                bool(joint["low"] > rival["high"]),
                f"joint {_shown(joint)}, {best} {_shown(rival)}, paired difference "
                f"{gap['value']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}], "
                f"{evidence.interests['people']} people",
            )
        )
    return claimed


def _shown(cell) -> str:
    return f"{cell['mean']:.3f} [{cell['low']:.3f}, {cell['high']:.3f}]"


@claims.register("communities")
def communities(evidence: Evidence) -> list[Claim]:
    """As `training.communities` words it."""
    if not evidence.communities.get("claims"):
        raise LeftOut(evidence.communities.get("reason", "communities were not measured"))
    return [Claim(**each) for each in evidence.communities["claims"]]


@claims.register("reactions")
def reactions(evidence: Evidence) -> list[Claim]:
    """As `training.reactions` words it."""
    if not evidence.reactions.get("claims"):
        raise LeftOut(evidence.reactions.get("reason", "no data set with reactions was given"))
    return [Claim(**each) for each in evidence.reactions["claims"]]
