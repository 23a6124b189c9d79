"""How retrieval fades when images or texts are missing at evaluation time.

The model stays as it was trained; held-out posts and the histories of people lose modalities. A
post that has nothing left stays a candidate and comes last: what can't be placed is a failure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from training.embedding import embed_split
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import evaluate_retrieval
from training.examples import Examples
from training.modalities import PostFeatures
from training.space import Space

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
KINDS = ("images", "texts", "one of both")
"""`one of both`: a post that has image and text loses one of them, by the toss of a coin."""


@dataclass(frozen=True)
class DegradationPoint:
    """user→post at one share of missing content.

    Attributes:
        share: of the posts that lost the modality, in [0, 1].
        empty: evaluation posts that have nothing left.
        map: of user→post; NaN if there is no query.
    """

    share: float
    empty: int
    map: float


Degradation = Mapping[str, Sequence[DegradationPoint]]
"""Kind of what is missing to its curve."""


def degradation(
    space: Space,
    examples: Examples,
    split: str,
    identities: torch.Tensor,
    *,
    shares: Sequence[float] = SHARES,
    seed: int = 0,
) -> Degradation:
    """MAP of user→post over the share of missing images, of missing texts, and of one of both.

    What is missing at one share is missing at every higher one, so that a curve is no lottery.

    Args:
        space: the model.
        examples: posts, people and histories, with features of its encoders.
        split: whose posts are asked for.
        identities: (U,) as `Materials.identities`.
        shares: in [0, 1].
        seed: of what goes missing.
    """
    # Whitening looks at one row at a time: once is enough for all points of all curves.
    whitened = space.joint.whiten(examples.features.to(space.device)).to("cpu")
    white = replace(examples, features=whitened)
    random = np.random.default_rng(seed)
    draws = torch.from_numpy(random.random(len(whitened)))
    coins = torch.from_numpy(random.random(len(whitened)) < 0.5)
    whole = _point(space, white, split, identities, 0.0)
    return {
        kind: [
            whole
            if share == 0
            else _point(
                space,
                replace(white, features=without(whitened, kind, draws < share, coins)),
                split,
                identities,
                share,
            )
            for share in shares
        ]
        for kind in KINDS
    }


def without(
    features: PostFeatures, kind: str, chosen: torch.Tensor, coins: torch.Tensor
) -> PostFeatures:
    """The features with a modality of the chosen posts masked.

    Args:
        features: of N posts.
        kind: one of `KINDS`.
        chosen: (N,) bool: the posts that lose something.
        coins: (N,) bool: for `one of both`, True loses the image and False the text.
    """
    if kind == "images":
        return replace(features, has_image=features.has_image & ~chosen)
    if kind == "texts":
        return replace(features, has_text=features.has_text & ~chosen)
    both = features.has_image & features.has_text & chosen
    return replace(
        features,
        has_image=features.has_image & ~(both & coins),
        has_text=features.has_text & ~(both & ~coins),
    )


def _point(
    space: Space, examples: Examples, split: str, identities: torch.Tensor, share: float
) -> DegradationPoint:
    embedded = embed_split(
        space.joint,
        examples,
        split,
        identities,
        weights=space.query_weights,
        whitened=True,
    )
    placed = embedded.has_image | embedded.has_text
    embedded = replace(embedded, has_post=placed)
    direction = Direction.USER_TO_POST
    found = evaluate_retrieval(embedded, metrics=["map"], directions=[direction])
    value = found.get(direction.value, {}).get("map", float("nan"))
    return DegradationPoint(share, int((~placed).sum()), value)
