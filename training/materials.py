"""From raw tables to what the towers read: clean posts, features, examples."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.clean import CleanData, SomePosts
from training.encoders import EncoderConfig
from training.errors import BadData
from training.examples import SPLITS, Examples, PostKeys
from training.features import FeatureTable, compute_features
from training.histories import history_arrays
from training.observer import SILENT, Observer
from training.run_config import RunConfig
from training.sampling import EvaluationConfig, sample, split_names
from training.space import IMAGE_ENCODER, TEXT_ENCODER

_ROWS_AT_ONCE = 1 << 14


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

    def sampled(self, config: EvaluationConfig) -> "Materials":
        """What a model is judged on: all of it, or the part that `sample` draws."""
        part = sample(self.examples, config)
        if part is None:
            return self
        rows, features = part.rows.numpy(), self.features
        table = replace(
            features,
            post_ids=features.post_ids[rows],
            user_ids=features.user_ids[rows],
            posts=part.examples.features,
        )
        data = SomePosts(self.data.root, self.data.manifest, rows, split_names(part.examples))
        return Materials(data, table, part.examples)


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
    if not data.manifest.splits.get("train"):
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
    """Join features, authors, histories and split, in some bytes a post.

    People are all who wrote a post, and all who have a history.
    """
    people = np.sort(np.array(data.users(["user_id"])["user_id"].to_pylist(), dtype=np.str_))
    count = len(features.post_ids)
    authors = np.empty(count, np.int32)
    for at in range(0, count, _ROWS_AT_ONCE):
        some = features.user_ids[at : at + _ROWS_AT_ONCE]
        authors[at : at + len(some)] = np.searchsorted(people, some)
    split = data.split_codes()
    found = history_arrays(
        authors,
        data.reaction_batches(),
        people,
        data.id_hashes("post_id"),
        split == SPLITS.index("train"),
        config.history,
    )
    shown = found.present
    shown[authors] = True
    number = (np.cumsum(shown) - 1).astype(np.int64)
    start = np.concatenate([[0], found.start[1:][shown]])
    return Examples(
        users=tuple(people[shown].tolist()),
        features=features.posts,
        keys=PostKeys(
            row=torch.arange(count),
            author=torch.from_numpy(number[authors]),
            text=_keys(*data.content_hashes("text_hash")),
            image=_keys(*data.content_hashes("image_hash")),
        ),
        split=torch.from_numpy(split),
        history_rows=torch.from_numpy(found.rows),
        history_start=torch.from_numpy(start),
        history_weight=torch.from_numpy(found.weight),
    )


def _keys(hashes: np.ndarray, present: np.ndarray) -> torch.Tensor:
    """(N,) long: 63 bits of each content's hash; a number below 0, of its own, where there is none.

    A batch of ten thousand posts holds two contents of equal numbers once in 10^11 batches.
    """
    half = np.ascontiguousarray(hashes).view(np.int64).reshape(-1, 2)[:, 0] & np.int64(2**63 - 1)
    return torch.from_numpy(np.where(present, half, -1 - np.arange(len(half))))
