"""Which trials a benchmark consists of."""

from collections.abc import Sequence

from training.benchmark.recipe import Recipe
from training.benchmark.surgery import Removal
from training.benchmark.trial import Trial
from training.losses.base import PairLossConfig, build_loss, losses

MODELS = (
    "unimodal_image",
    "unimodal_text",
    "concatenation",
    "cca",
    "isolated",
    "isolated_equipped",
    "naive_joint",
    "joint",
)
"""Contenders of the main table; `isolated` brings `late_fusion` along."""
HALVES = {"apart": Removal("apart", 0.5), "independent": Removal("independent", 0.5)}
CURVE = (Removal("independent", 0.25), Removal("independent", 0.75), Removal("apart", 0.25))
"""Further points of the degradation curves, of one seed."""
PAIRS = ("user_image", "user_text", "image_text")


def main_trials(seeds: Sequence[int]) -> list[Trial]:
    """The contenders, the emergent alignment, missing modalities and newcomers, by seed.

    The long ones first: a short one at the end leaves no processor idle for long.
    """
    trials = []
    for seed in seeds:
        trials += [Trial(name, name, seed) for name in reversed(MODELS)]
        trials += [Trial("newcomers", "newcomers", seed), Trial("emergent", "emergent", seed)]
        for kind, removal in HALVES.items():
            trials += [
                Trial(f"{name}, half {kind}", name, seed, removal=removal)
                for name in ("isolated", "joint")
            ]
    return trials


def curve_trials(seed: int) -> list[Trial]:
    """Joint training over the share of missing content, beyond the half that all seeds have."""
    return [
        Trial(f"joint, {each.share:g} {each.kind}", "joint", seed, removal=each) for each in CURVE
    ]


def ablation_trials(seed: int, recipe: Recipe) -> list[Trial]:
    """Variants of `joint` that differ in one thing each."""
    changes: dict[str, dict] = {}
    build_loss(PairLossConfig())  # loads every loss that there is
    for loss in sorted(losses):
        changes[f"loss {loss}"] = {f"losses.{pair}.name": loss for pair in PAIRS}
    changes["no user pairs"] = {"model.pairs": ["image_text"]}
    changes["no image_text"] = {"model.pairs": ["user_image", "user_text"]}
    changes["id only"] = {"model.user.content": False}
    changes["content only"] = {"model.user.identity": False}
    changes["no meaning"] = {"model.meaning": 0}
    changes["no audience, no appeal"] = {"model.audience.prototypes": 0}
    changes["no author margin"] = {"losses.image_text.author_margin": 0.0}
    changes["pairs' blocks alone"] = {
        "model.meaning": 0,
        "model.audience.prototypes": 0,
        "losses.image_text.author_margin": 0.0,
    }
    for dimension in (192, 384, 768, 1536):
        changes[f"dimension {dimension}"] = {"model.dimension": dimension}
    changes["no average of weights"] = {"loop.average": 0.0}
    changes["no short histories"] = {"loop.short_histories": 0.0}
    for size in (128, 256, 512, 1024):
        changes[f"batch {size}"] = {"loop.batch_size": size}
    changes["modality dropout 0.2"] = {"losses.modality_dropout": 0.2}
    return [
        Trial(name, "joint", seed, change)
        for name, change in changes.items()
        if recipe.changed(change) != recipe  # the recipe itself stands in the main table
    ]
