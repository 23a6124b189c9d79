"""Communities and tags of the joint space beside unimodal ones, for each trained seed."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.benchmark.results import Results, spread_of
from training.benchmark.trial import Outcome
from training.communities.metrics import Figures, community_metrics
from training.encoders import build_image_encoder, build_text_encoder
from training.errors import BadData
from training.interests.landscape import survey_if_public
from training.interests.precision import tag_figures
from training.materials import Materials
from training.model import JointSpace, ModelConfig
from training.observer import Observer
from training.run_config import RunConfig
from training.space import Space

JUDGED = {
    "nmi": "NMI with the dominant category",
    "purity": "purity against the dominant category",
    "npmi": "topic coherence (NPMI) of the descriptions",
}


def measure_communities(
    results: Results, materials: Materials, config: RunConfig, cache: Path, observer: Observer
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is in the spaces of `joint`: communities beside unimodal ones, and tags foretold.

    Args:
        results: with the trained spaces.
        materials: of the same data.
        config: that the spaces were trained with.
        cache: folder of the feature caches.
        observer: sees the progress.
    Returns: of communities `models` (model to metric to {mean, std, n} over seeds) and `claims`, or
        the reason alone where there are too few people; of tags the same tables, for `posts` and
        for `people`, see `training.interests.precision`.
    """
    observer.stage("Finding communities, foretelling tags")
    encoders = build_image_encoder(config.image_encoder), build_text_encoder(config.text_encoder)
    found: list[Figures] = []
    tags: list[dict[str, Figures]] = []
    reason = "too few people have a place in the space"
    outcomes = results.outcomes["joint"]
    for seed, outcome in enumerate(outcomes):
        joint = restored(outcome, config.model, materials)
        query = {
            name.removeprefix("query/"): tuple(each.tolist())
            for name, each in outcome.vectors.items()
            if name.startswith("query/")
        }
        space = Space(joint, *encoders, materials.examples.users, query)
        landscape = survey_if_public(space, materials, cache)
        if landscape is None:
            return {"reason": "every training post is private"}, {}
        tags.append(tag_figures(landscape, materials, "test"))
        try:
            found.append(community_metrics(landscape, materials, seed=seed))
        except BadData as why:
            reason = why.message
        observer.advance("spaces", seed + 1, len(outcomes))
    foretold = {
        whose: _over_seeds([each[whose] for each in tags])
        for whose in ("posts", "people")
        if all(whose in each for each in tags)
    }
    if len(found) < len(outcomes) or not all("joint" in each for each in found):
        return {"reason": reason}, foretold
    models = _over_seeds(found)
    return {"models": models, "claims": community_claims(models)}, foretold


def _over_seeds(found: Sequence[Figures]) -> dict[str, dict[str, Any]]:
    return {
        model: {
            metric: spread_of([each[model][metric] for each in found])
            for metric in found[0][model]
            if all(metric in each[model] for each in found)
        }
        for model in found[0]
        if all(model in each for each in found)
    }


def restored(outcome: Outcome, model: ModelConfig, materials: Materials) -> JointSpace:
    """The trained towers that a trial left."""
    features = materials.examples.features
    space = JointSpace(
        model,
        users=len(materials.examples.users),
        image_features=features.image.shape[1],
        text_features=features.text.shape[1],
    )
    weights = {
        name.removeprefix("weights/"): torch.from_numpy(np.array(each))
        for name, each in outcome.vectors.items()
        if name.startswith("weights/")
    }
    space.load_state_dict(weights)
    return space.eval()


def community_claims(models: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One claim a metric: joint above the best unimodal clustering, on the mean over seeds."""
    claims = []
    for metric, meaning in JUDGED.items():
        rivals = {
            model: cells[metric]["mean"]
            for model, cells in models.items()
            if model != "joint" and metric in cells
        }
        if metric not in models["joint"] or not rivals:
            continue
        ours = models["joint"][metric]
        best = max(rivals, key=lambda model: rivals[model])
        counts = ", ".join(f"{m} {models[m]['communities']['mean']:.0f}" for m in models)
        chance = ", ".join(f"{m} {c['ami']['mean']:.3f}" for m, c in models.items() if "ami" in c)
        detail = (
            f"joint {ours['mean']:.3f} ± {ours['std']:.3f}, best unimodal {best} "
            f"{rivals[best]:.3f}; communities: {counts}; corrected for chance (AMI): {chance}"
        )
        claims.append(
            {
                "claim": f"communities: {meaning} above every unimodal clustering",
                "value": ours["mean"],
                "target": rivals[best],
                "met": bool(ours["mean"] > rivals[best]),
                "detail": detail,
            }
        )
    return claims
