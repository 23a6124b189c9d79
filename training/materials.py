"""From raw tables to what the towers read: clean posts, features, examples."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.clean import CleanData
from training.encoders import EncoderConfig
from training.errors import BadData
from training.examples import Examples, assemble
from training.features import FeatureTable, compute_features
from training.histories import histories
from training.observer import SILENT, Observer
from training.run_config import RunConfig
from training.space import IMAGE_ENCODER, TEXT_ENCODER


@dataclass(frozen=True)
class Materials:
    """One data set, ready to train or evaluate on; all parts are aligned post by post.

    Attributes:
        data: the clean tables.
        features: of the frozen encoders.
        examples: the form that training reads.
    """

    data: CleanData
    features: FeatureTable
    examples: Examples

    def identities(self, users: tuple[str, ...]) -> Tensor:
        """(U,) long: where each person of `examples` stands in a model's `users`; -1 if nowhere."""
        row = {user: i for i, user in enumerate(users)}
        return torch.tensor([row.get(user, -1) for user in self.examples.users], dtype=torch.long)


def gather_materials(
    config: RunConfig,
    workspace: Path,
    observer: Observer = SILENT,
    *,
    model_folder: Path | None = None,
) -> Materials:
    """Validate, split, encode; each step is kept in the workspace and done once.

    Args:
        config: of a run.
        workspace: folder of clean data and feature caches.
        observer: sees the progress.
        model_folder: of a saved space, whose encoders are used instead of the configured ones.
    Raises: BadData as `training.data.prepare`, or if no post is left to train on.
    """
    from training.data.prepare import prepare

    observer.stage("Reading and checking the posts")
    data = prepare(config.data, config.split, workspace, progress=observer.advance)
    if "train" not in data.splits():
        raise BadData(
            "no post is left to train on", hint="give more posts, or lower split.test_share"
        )
    observer.stage("Encoding images and texts")
    image: EncoderConfig | Path = config.image_encoder
    text: EncoderConfig | Path = config.text_encoder
    if model_folder is not None:
        image, text = model_folder / IMAGE_ENCODER, model_folder / TEXT_ENCODER
    cache = workspace / "features"
    features = compute_features(data, image, text, cache, progress=observer.advance)
    return Materials(data, features, assemble_examples(config, data, features))


def assemble_examples(config: RunConfig, data: CleanData, features: FeatureTable) -> Examples:
    """Join features, authors, histories and split."""
    hashes = data.posts(["text_hash", "image_hash"])
    return assemble(
        features.posts,
        features.user_ids.tolist(),
        hashes["text_hash"].to_pylist(),
        hashes["image_hash"].to_pylist(),
        np.asarray(data.splits()).tolist(),
        histories(features.post_ids, features.user_ids, data.reactions(), config.history),
    )
