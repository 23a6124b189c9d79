import numpy as np

from training.evaluation.embedded import EmbeddedPosts
from training.modalities import Modality
from training.model.layout import APPEAL, Pair, blocks_of, default_query_weights
from training.query_weights import apply, choose_query_weights


def test_a_block_that_misleads_is_switched_off():
    """Images know their texts in the block of the pair; the other blocks are noise."""
    random = np.random.default_rng(0)
    blocks = blocks_of("private", tuple(Pair), 24)
    clean = random.normal(size=(60, 8))
    noise = [random.normal(size=(60, 16)) * 2 for _ in range(2)]
    images, texts = (np.hstack([n, clean]).astype(np.float32) for n in noise)
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (images, texts)]
    everywhere = np.ones(60, dtype=bool)
    embedded = EmbeddedPosts(
        users=unit[0][:1],
        images=unit[0],
        has_image=everywhere,
        texts=unit[1],
        has_text=everywhere,
        posts=None,
        author=np.zeros(60, dtype=int),
        text_group=np.arange(60),
    )
    weights = choose_query_weights(embedded, blocks)
    assert weights["image_to_text"] == (0.0, 0.0, 1.0)
    assert weights["user_to_user"] == default_query_weights(blocks)["user_to_user"]


def test_weighed_queries_have_unit_length():
    blocks = blocks_of("private", tuple(Pair), 10)
    vectors = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    weighed = apply(vectors, (1.0, 0.0, 0.5), blocks)
    np.testing.assert_allclose(np.linalg.norm(weighed, axis=1), 1, rtol=1e-5)
    first = blocks[0].dimension
    assert (weighed[:, first : first + blocks[1].dimension] == 0).all()


def test_every_direction_has_a_default():
    for layout in ("private", "shared"):
        blocks = blocks_of(layout, tuple(Pair), 30, meaning=8, audience=5)
        weights = default_query_weights(blocks)
        assert len(weights) == len(Modality) ** 2
        names = [block.name for block in blocks]
        for each in weights.values():
            own = [w for name, w in zip(names, each, strict=True) if name != APPEAL]
            assert max(own) == 1  # some block counts fully: the others are weighed against it
