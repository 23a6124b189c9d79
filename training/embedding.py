"""Embeddings of whole splits and populations from features, in chunks of bounded memory."""

import numpy as np
import torch
from torch import Tensor

from training.evaluation.embedded import EmbeddedPosts
from training.examples import Examples
from training.modalities import PostFeatures
from training.model.joint_space import JointSpace, join_post

CHUNK = 4096


@torch.inference_mode()
def embed_posts(
    space: JointSpace, features: PostFeatures
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, text and post embeddings of N posts: three (N, D) float32 of unit rows.

    Rows of an absent modality mean nothing; mask them with `features.has_image` and `has_text`.
    """
    space.eval()
    device = next(space.parameters()).device
    images, texts, posts = [], [], []
    for start in range(0, max(len(features), 1), CHUNK):
        chunk = (
            features[torch.arange(start, min(start + CHUNK, len(features)))].blanked().to(device)
        )
        image, text = space.encode_image(chunk.image), space.encode_text(chunk.text)
        images.append(image)
        texts.append(text)
        posts.append(join_post(image, chunk.has_image, text, chunk.has_text))
    return _numpy(images), _numpy(texts), _numpy(posts)


@torch.inference_mode()
def embed_people(
    space: JointSpace, examples: Examples, identities: Tensor | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of all people of `examples` from their training histories and ids.

    Args:
        space: the towers.
        examples: people and histories.
        identities: (U,) long, the row of each person's learned vector in `space`, -1 for none; left
            out where the space was trained on these very examples.
    Returns: (U, D) float32 unit rows, and (U,) bool: False where there was nothing to embed.
    """
    space.eval()
    device = next(space.parameters()).device
    vectors, present = [], []
    for people in torch.arange(len(examples.users)).split(CHUNK):
        history = examples.histories(people).to(device)
        known = people if identities is None else identities[people]
        rows, there = space.encode_user(history, known.to(device))
        vectors.append(rows)
        present.append(there)
    return _numpy(vectors), torch.cat(present).cpu().numpy()


def embed_split(
    space: JointSpace, examples: Examples, split: str, identities: Tensor | None = None
) -> EmbeddedPosts:
    """What retrieval is evaluated on: the posts of a split among themselves, and all people.

    Args: as `embed_people`; `split` is one of `examples.SPLITS`.
    """
    rows = examples.rows(split)
    features = examples.features[rows]
    images, texts, posts = embed_posts(space, features)
    users, has_user = embed_people(space, examples, identities)
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
    )


def _numpy(parts: list[Tensor]) -> np.ndarray:
    return torch.cat(parts).float().cpu().numpy()
