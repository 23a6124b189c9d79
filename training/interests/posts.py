"""Tags that a post lacks: those of the posts around it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from training.embedding import embed_posts
from training.interests.landscape import Landscape
from training.interests.lookup import find_id
from training.interests.people import distinct, require_words
from training.materials import Materials
from training.modalities import Modality

ENOUGH = 10
_LEAST_SHARE = 0.05
"""Of the neighbourhood: below it a tag is one far neighbour's."""


@dataclass(frozen=True)
class MissingTag:
    """A tag that a post could have.

    Attributes:
        tag: of the vocabulary.
        share: of the posts around it that have the tag, by weight: how sure it is.
        lift: how many times more common it is around this post than on posts in general.
        in_text: whether the post's own text says it.
        also: other forms of it, and tags that mostly come with it.
    """

    tag: str
    share: float
    lift: float
    in_text: bool
    also: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """A post, the tags that it has, and those that it lacks, the surest first."""

    post_id: str
    author: str
    text: str | None
    tags: tuple[str, ...]
    lacks: tuple[MissingTag, ...]


def describe(
    landscape: Landscape, materials: Materials, post_id: str, count: int = ENOUGH
) -> Description:
    """Tags for a post by its image and its text together, as far as it has them.

    The post itself is no neighbour of its own. Where nobody tags, words of texts take the place of
    tags.

    Args:
        landscape: see `survey`.
        materials: of the same data.
        post_id: any post of the data, of whatever split.
        count: at most so many.
    Raises: NotFound if there is no such post; BadData if the posts have no words.
    """
    row = find_id(post_id, materials.features.post_ids.tolist(), "post")
    require_words(landscape.vocabulary)
    tagged = bool(landscape.vocabulary.is_tag.any())
    around = landscape.with_tags() if tagged else landscape
    vocabulary = around.vocabulary
    near = around.around(_embedded(around, materials, row), Modality.POST, without=np.array([row]))
    shares = (around.tag_shares(near) if tagged else around.shares(near))[0]
    posts = materials.data.posts(["text", "tags"]).slice(row, 1).to_pylist()[0]
    has = _rows_it_has(around, posts["tags"] or (), None if tagged else posts["text"])
    allowed = shares >= _LEAST_SHARE
    allowed[has] = False
    listed = distinct(vocabulary, np.argsort(-shares, kind="stable"), allowed, count)
    on_posts = vocabulary.tagged if tagged else vocabulary.holds
    usual = np.asarray(on_posts.mean(axis=0)).ravel()
    said = set(_rows_it_has(around, (), posts["text"]))
    return Description(
        post_id=post_id,
        author=str(materials.features.user_ids[row]),
        text=posts["text"],
        tags=tuple(posts["tags"] or ()),
        lacks=tuple(
            MissingTag(
                tag=vocabulary.terms[term],
                share=float(shares[term]),
                lift=float(shares[term] / max(usual[term], 1e-9)),
                in_text=term in said,
                also=also,
            )
            for term, also in listed.items()
        ),
    )


def _embedded(landscape: Landscape, materials: Materials, row: int) -> np.ndarray:
    features = materials.examples.features[torch.tensor([row])]
    return embed_posts(landscape.space.joint, features)[2]


def _rows_it_has(landscape: Landscape, tags: Sequence[str], text: str | None) -> list[int]:
    from training.interests.words import terms

    known = landscape.vocabulary.row
    said = [known[term] for term in terms(text) if term in known] if text else []
    return landscape.vocabulary.rows_of_tags(tags) + said
