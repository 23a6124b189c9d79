"""What the benchmark measures with other features, other data or other packages of ours."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from training.benchmark.contenders.clip import CLIP
from training.benchmark.recipe import Recipe
from training.benchmark.trial import Outcome, Trial, run_trial
from training.encoders import EncoderConfig
from training.errors import CommonspaceError, Unavailable
from training.features import compute_features
from training.materials import Materials
from training.observer import Observer
from training.reactions.config import ReactionConfig


def measure_clip(
    materials: Materials, recipe: Recipe, workspace: Path, observer: Observer
) -> Outcome | None:
    """CLIP on the same posts; None with a note where its weights can't be had."""
    encoder = EncoderConfig(name=CLIP)
    try:
        features = compute_features(
            materials.data, encoder, encoder, workspace / "features", progress=observer.advance
        )
    except Unavailable as reason:
        observer.note(f"CLIP is left out: {reason.message}")
        return None
    examples = replace(materials.examples, features=features.posts)
    return run_trial(Trial("clip", "clip", 0), examples, recipe)


def measure_reactions(
    materials: Materials,
    seeds: Sequence[int],
    config: ReactionConfig,
    asked: bool,
    plots: Path,
    observer: Observer,
) -> dict[str, Any]:
    """What `training.reactions` measures on a data set; a reason alone if it can't.

    Args:
        materials: of the data set.
        seeds: of the models that draw random numbers.
        config: of our model; what is searched is chosen anew.
        asked: whether the user named this data set for its reactions; then errors are errors.
        plots: folder for the reliability plot.
        observer: sees the progress.
    """
    from training.reactions.benchmark import benchmark_reactions

    if not asked and not materials.data.manifest.counts.get("reactions"):
        return {"reason": "the data set has no reactions"}
    try:
        return benchmark_reactions(
            materials.data,
            materials.features,
            seeds,
            observer,
            config=config,
            plots=plots,
        )
    except CommonspaceError as reason:
        if asked:
            raise
        observer.note(f"reactions are left out: {reason.message}")
        return {"reason": reason.message}
