"""The evaluation of the product's recommender among the usual baselines."""

from pathlib import Path
from typing import Any

import numpy as np

from recsys.config import RecommendConfig
from recsys.evaluation.baselines import standard
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.contender import Contender
from recsys.evaluation.curve import ListsAt
from recsys.evaluation.network import Network
from recsys.evaluation.opening import Databases
from recsys.evaluation.ours import ours, ours_plain, varied_lists
from recsys.evaluation.reactions import reactions_alone
from recsys.evaluation.run import evaluate
from recsys.evaluation.split import Training
from recsys.evaluation.vbpr import vbpr
from training.benchmark.recipe import Recipe
from training.observer import SILENT, Observer
from training.reactions.config import ReactionConfig


def evaluate_recommender(
    network: Network,
    folder: Path,
    recommend: RecommendConfig = RecommendConfig(),
    recipe: Recipe = Recipe(),
    config: EvaluationConfig = EvaluationConfig(),
    reactions: ReactionConfig = ReactionConfig(),
    observer: Observer = SILENT,
    *,
    curve: bool = True,
) -> dict[str, Any]:
    """Compare the recommender, as it is configured, with all baselines; see `run.evaluate`.

    Args:
        network: to part.
        folder: for databases and indexes, which are of no use afterwards.
        recommend: of the recommender.
        recipe: of the joint space, where own posts are what is asked.
        config: of the evaluation.
        reactions: how reactions are read, and how the model of them is trained.
        observer: sees the progress.
        curve: whether to measure what diversity costs.
    """
    with Databases(folder, recipe, config.seed) as databases:

        def varied(training: Training, people: np.ndarray, depth: int) -> ListsAt:
            return varied_lists(databases, recommend, training, people, depth)

        contenders: list[Contender] = [
            *standard(config.seed),
            vbpr(config.seed),
            reactions_alone(config.seed),
            ours_plain(databases, recommend, observer),
            ours(databases, recommend, observer),
        ]
        return evaluate(
            network,
            contenders,
            config,
            reactions,
            observer,
            varied=varied if curve else None,
        )
