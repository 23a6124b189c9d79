"""What a space is worth on a split, beside the baselines, on the same posts and people."""

from training.embedding import embed_split
from training.evaluation.baselines import AuthoredPosts, evaluate_baselines
from training.evaluation.embedded import EmbeddedPosts
from training.evaluation.retrieval import evaluate_retrieval
from training.materials import Materials
from training.space import Space

Retrieval = dict[str, dict[str, dict[str, float]]]
"""Model to direction to metric to value."""


def embed_for(space: Space, materials: Materials, split: str) -> EmbeddedPosts:
    """A split as the space sees it, whoever trained it: people it does not know have no id."""
    identities = materials.identities(space.users)
    weights = space.query_weights
    return embed_split(space.joint, materials.examples, split, identities, weights=weights)


def assess(space: Space, materials: Materials, split: str) -> Retrieval:
    """Retrieval in all directions of the joint space and of the unimodal baselines.

    Args:
        space: any version.
        materials: features must be those of the space's encoders.
        split: `validation` to choose by, `test` to report.
    """
    joint = evaluate_retrieval(embed_for(space, materials, split))
    training, held_out = (authored(materials, name) for name in ("train", split))
    baselines = evaluate_baselines(training, held_out, len(materials.examples.users))
    return {"joint": joint, **baselines}


def authored(materials: Materials, split: str) -> AuthoredPosts:
    """The posts of a split as baselines take them."""
    examples = materials.examples
    rows = examples.rows(split)
    return AuthoredPosts(
        examples.features[rows],
        examples.keys.author[rows].numpy(),
        examples.keys.text[rows].numpy(),
    )
