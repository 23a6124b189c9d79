"""Embeddings of whole splits and populations from features, in chunks of bounded memory."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from training.evaluation.embedded import EmbeddedPosts
from training.examples import Examples
from training.modalities import PostFeatures
from training.model.joint_space import JointSpace
from training.query_weights import spread_all

CHUNK = 4096


@torch.inference_mode()
def embed_posts(
    space: JointSpace, features: PostFeatures, *, whitened: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, text and post embeddings of N posts: three (N, D) float32 of unit rows.

    Rows of an absent modality mean nothing; mask them with `features.has_image` and `has_text`.

    Args:
        space: the towers.
        features: of encoders, or what `JointSpace.whiten` made of them.
        whitened: which of the two.
    """
    space.eval()
    device = next(space.parameters()).device
    images, texts, posts = [], [], []
    for rows in torch.arange(len(features)).split(CHUNK) or [torch.arange(0)]:
        chunk = features[rows].to(device)
        white = chunk if whitened else space.whiten(chunk)
        images.append(space.image_vectors(white.image))
        texts.append(space.text_vectors(white.text))
        posts.append(space.post_vectors(white))
    return _numpy(images), _numpy(texts), _numpy(posts)


AUDIENCE_PEOPLE = 20_000
"""People whom the prototypes of an audience are fitted to, at most."""


@torch.inference_mode()
def fit_audience(space: JointSpace, examples: Examples) -> None:
    """Fit the space's audience to the people of `examples`, on whom it was trained.

    Once, with the final weights: until then the blocks of the audience are zero.
    """
    if space.audience is None:
        return
    space.eval()
    device = next(space.parameters()).device
    count = len(examples.users)
    everyone = torch.arange(0, count, max(1, -(-count // AUDIENCE_PEOPLE)))
    places = [
        space.people_places(examples.histories(people).to(device), people.to(device))
        for people in examples.chunks_of_people(everyone)
    ]
    space.fit_audience(torch.cat(places))


@torch.inference_mode()
def embed_people(
    space: JointSpace,
    examples: Examples,
    identities: Tensor | None = None,
    *,
    whitened: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of all people of `examples` from their training histories and ids.

    Args:
        space: the towers.
        examples: people and histories.
        identities: (U,) long, the row of each person's learned vector in `space`, -1 for none; left
            out where the space was trained on these very examples.
        whitened: whether the examples' features are.
    Returns: (U, D) float32 unit rows, and (U,) bool: False where there was nothing to embed.
    """
    space.eval()
    device = next(space.parameters()).device
    encode = space.user_vectors if whitened else space.encode_user
    vectors, present = [], []
    for people in examples.chunks_of_people(torch.arange(len(examples.users))):
        known = people if identities is None else identities[people]
        rows, there = encode(examples.histories(people).to(device), known.to(device))
        vectors.append(rows)
        present.append(there)
    return _numpy(vectors), torch.cat(present).cpu().numpy()


def embed_split(
    space: JointSpace,
    examples: Examples,
    split: str,
    identities: Tensor | None = None,
    *,
    weights: Mapping[str, Sequence[float]] | None = None,
    whitened: bool = False,
) -> EmbeddedPosts:
    """What retrieval is evaluated on: the posts of a split among themselves, and all people.

    Args:
        space: the towers.
        examples: posts, people and histories.
        split: one of `examples.SPLITS`.
        identities: as in `embed_people`.
        weights: direction to the weight of each block in a query; the layout's defaults if None.
        whitened: whether the examples' features are.
    """
    rows = examples.rows(split)
    features = examples.features[rows]
    images, texts, posts = embed_posts(space, features, whitened=whitened)
    users, has_user = embed_people(space, examples, identities, whitened=whitened)
    return EmbeddedPosts(
        users=users,
        images=images,
        has_image=features.has_image.numpy(),
        texts=texts,
        has_text=features.has_text.numpy(),
        posts=posts,
        author=examples.keys.author[rows].numpy(),
        text_group=examples.keys.text[rows].numpy(),
        has_user=has_user,
        query_weights=spread_all(space.blocks, weights),
    )


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).float().cpu().numpy()
