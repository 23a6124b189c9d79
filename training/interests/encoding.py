"""Terms through the space's text encoder, once in the life of a workspace."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.space import Space


def encode_terms(space: Space, terms: Sequence[str], cache: Path | None = None) -> np.ndarray:
    """`Space.encode_text` of n terms: (n, D) unit rows.

    The encoder's features are kept by content and fingerprint, beside those of posts: a model that
    was trained anew over the same frozen encoder encodes nothing again.

    Args:
        space: the model.
        terms: texts.
        cache: folder of all encoders' feature caches; None keeps nothing.
    """
    if cache is None or not terms:
        return space.encode_text(terms)
    from training.features.cache import FeatureCache

    encoder = space.text_encoder
    kept = FeatureCache(cache / encoder.fingerprint(), encoder.dimension)
    hashes = [hashlib.blake2b(term.encode(), digest_size=16).hexdigest() for term in terms]
    missing = kept.missing(hashes)
    if missing:
        kept.append([hashes[i] for i in missing], encoder.encode([terms[i] for i in missing]))
    return space.embed_texts(kept.gather(hashes)[0])
