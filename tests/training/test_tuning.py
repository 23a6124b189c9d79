"""Encoders that learn: the same loop, raw content in the batches, features that keep up."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from tests.training.acceleration.sharded_run import CONFIG, begin
from tests.training.encoders.tiny import write_bert
from training import loop
from training.acceleration import AccelerationConfig
from training.encoders import EncoderConfig, build_text_encoder
from training.encoders.config import TEXT_DEFAULT
from training.examples import assemble
from training.modalities import PostFeatures
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective
from training.tuning import Content, encode_present, refreshed


@pytest.fixture(scope="module")
def content(clean_sample) -> Content:
    return Content(clean_sample.root)


@pytest.fixture(scope="module")
def encoder():
    tuned = {**TEXT_DEFAULT.model_dump(), "tuning": "last_blocks", "max_tokens": 16}
    return build_text_encoder(EncoderConfig.parse(tuned))


def examples_of(content, encoder, count=24):
    texts = content.of("text", list(range(count)))
    with torch.no_grad():
        features = encoder.encode([text or "" for text in texts])
    there = torch.tensor([text is not None for text in texts])
    posts = PostFeatures(torch.zeros(count, 4), torch.zeros_like(there), features, there)
    authors = [f"p{i % 4}" for i in range(count)]
    histories = {a: [(i, 1.0) for i in range(count) if authors[i] == a] for a in set(authors)}
    splits = ["validation" if i % 6 == 5 else "train" for i in range(count)]
    return assemble(posts, authors, [str(t) for t in texts], [None] * count, splits, histories)


def test_an_encoder_learns_with_the_towers_and_its_features_keep_up(content, encoder):
    torch.manual_seed(0)
    examples = examples_of(content, encoder)
    space = JointSpace(
        ModelConfig(dimension=24, hidden=16),
        users=4,
        image_features=4,
        text_features=encoder.dimension,
    )
    space.fit_inputs(examples.features)
    objective = Objective(space, LossesConfig(), {"text": encoder}, content)
    before = {n: p.detach().clone() for n, p in encoder.named_parameters()}
    config = loop.LoopConfig(epochs=2, batch_size=20, encoder_learning_rate=1e-3)
    scores = []
    loop.run(
        loop.begin(objective, config), examples, config, lambda metrics, _: scores.append(metrics)
    )
    assert len(scores) == 2
    changed = {n for n, p in encoder.named_parameters() if not torch.equal(p, before[n])}
    assert changed == {n for n, p in encoder.named_parameters() if p.requires_grad}
    assert changed and len(changed) < len(before)
    fresh = refreshed(objective.encoders, examples, content, "cpu")
    assert not torch.allclose(fresh.features.text, examples.features.text, atol=1e-4)
    texts = [text or "" for text in content.of("text", list(range(24)))]
    torch.testing.assert_close(fresh.features.text, encoder.encode(texts), atol=1e-4, rtol=1e-4)


def one_epoch(bert: Path) -> list[dict[str, float]]:
    """Of a text encoder that learns, on shares of which some have no text.

    Its gradients are in the bucket that DistributedDataParallel sums first, as those of a large
    encoder are.
    """
    examples, state = begin(bert, AccelerationConfig())
    objective, lines = state.objective, []
    usual = dist._DEFAULT_FIRST_BUCKET_BYTES  # type: ignore[attr-defined]
    learning = (*objective.encoders.parameters(), *objective.losses.parameters())
    dist._DEFAULT_FIRST_BUCKET_BYTES = sum(4 * p.numel() for p in learning)  # type: ignore[attr-defined]
    try:
        config = CONFIG.model_copy(update={"epochs": 1})
        loop.run(state, examples, config, lambda metrics, _: lines.append(metrics))
    finally:
        dist._DEFAULT_FIRST_BUCKET_BYTES = usual  # type: ignore[attr-defined]
    return lines


def test_a_share_without_the_content_keeps_nobody_waiting(two_workers, tmp_path):
    write_bert(tmp_path / "bert")
    first, second = two_workers(one_epoch, tmp_path / "bert")
    losses = [name for name in first[0] if name.startswith("loss/")]
    assert losses and [first[0][name] for name in losses] == [second[0][name] for name in losses]


def test_a_post_without_the_content_keeps_its_features(content, encoder):
    frozen = torch.full((2, encoder.dimension), 7.0)
    got = encode_present(encoder, [None, "a bird"], frozen, torch.tensor([False, True]))
    assert (got[0] == 7).all()
    assert got[1].requires_grad
    nothing = encode_present(encoder, [None], frozen[:1], torch.tensor([False]))
    torch.testing.assert_close(nothing, frozen[:1])


def test_batches_read_the_raw_content_of_their_rows(content, clean_sample):
    texts = clean_sample.posts(["text"])["text"].to_pylist()
    assert content.of("text", [5, 0]) == [texts[5], texts[0]]
    assert content.of("image", [1]) == clean_sample.images([1])
