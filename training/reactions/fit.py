"""Learn the space of reactions: eigenpairs, content for cold posts, fine-tuning."""

from collections.abc import Callable, Sequence

import numpy as np

from training.errors import BadData
from training.modalities import PostFeatures
from training.reactions.closed_form import Maps, closed_form
from training.reactions.config import ReactionConfig
from training.reactions.content import Content, ridge
from training.reactions.finetune import Start, finetune
from training.reactions.layout import largest_norm, post_vectors
from training.reactions.opinions import Opinions
from training.reactions.space import ReactionSpace
from training.reactions.spectrum import Spectrum, spectrum


def fit_space(
    held: Opinions,
    post_ids: Sequence[str],
    features: PostFeatures,
    config: ReactionConfig,
    seed: int = 0,
    *,
    pairs: Spectrum | None = None,
    report: Callable[[int, float], None] = lambda epoch, loss: None,
) -> ReactionSpace:
    """Learn from opinions; the same seed gives the same space.

    Args:
        held: opinions of the training part.
        post_ids: of the N posts.
        features: of the N posts; a width of 0 for what wasn't encoded.
        config: see there; `search` and `calibrate` are for the callers of this.
        seed: of the start of the eigenpairs and of fine-tuning.
        pairs: eigenpairs of the same likes and configuration, if they are at hand.
        report: see `finetune`.
    Raises: BadData if nobody likes anything, or if features and posts are not as many.
    """
    if len(features) != len(post_ids) or held.posts != len(post_ids):
        raise BadData(f"features of {len(features)} posts for {len(post_ids)} posts")
    likes = held.likes()
    if not len(likes):
        raise BadData(
            "no reaction speaks for a post", hint="see history.kinds and history.approving"
        )
    pairs = pairs or eigenpairs(likes, config, seed)
    maps = closed_form(pairs, config.regularisation)
    content = Content.fit(features, config.content_dimension)
    design, block = content.design(features), content.block(features)
    liked = likes.count() > 0
    weights = ridge(design[liked], maps.target[liked], config.ridge)
    predicted = design @ weights
    maps = Maps(maps.source, np.where(liked[:, None], maps.target, predicted))
    length = float(np.linalg.norm(maps.target[liked], axis=1).mean())
    lift = np.where(liked, 0.0, config.cold_lift * length).astype(np.float32)
    temperature = 1.0
    if config.epochs:
        scale = largest_norm(maps.target, block, config.content_weight, lift)
        start = Start(maps, predicted, block, scale)
        maps, temperature = finetune(start, likes, config, seed, report)
    scale = largest_norm(maps.target, block, config.content_weight, lift)
    popularity = likes.matrix().sum(axis=0)
    return ReactionSpace(
        config=config,
        post_ids=tuple(post_ids),
        source=np.ascontiguousarray(maps.source),
        vectors=post_vectors(maps.target, block, config.content_weight, lift, scale),
        content_block=block,
        popularity=np.asarray(popularity / popularity.sum(), dtype=np.float32).reshape(-1),
        content=content,
        ridge=weights,
        lift=config.cold_lift * length,
        scale=scale,
        temperature=temperature,
    )


def eigenpairs(likes: Opinions, config: ReactionConfig, seed: int) -> Spectrum:
    """What is liked together, as `config` has it."""
    return spectrum(likes, config.dimension, config.proximity, config.proximity_reach, seed)
