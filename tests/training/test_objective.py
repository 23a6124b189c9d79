"""The loss of a step against a slow reference; what trains, with any pairs and any share."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from tests.training.synthetic import small_examples
from training import loop
from training.batches import Batch, BatchSampler
from training.errors import BadConfig
from training.model import JointSpace, ModelConfig
from training.model.layout import Pair
from training.objective import LossesConfig, Objective

SUBSETS = [pairs for size in (1, 2, 3) for pairs in combinations(Pair, size)]
EXAMPLES = small_examples()


def objective(losses: dict | None = None, **model) -> Objective:
    torch.manual_seed(0)
    config = ModelConfig.parse({"dimension": 24, "hidden": 16, **model})
    space = JointSpace(config, users=6, image_features=12, text_features=10)
    space.fit_inputs(EXAMPLES.features)
    return Objective(space, LossesConfig.parse(losses or {}))


def batch_for(found: Objective) -> Batch:
    examples = replace(EXAMPLES, features=found.inputs(EXAMPLES.features))
    return next(BatchSampler(examples, batch_size=24, people=6, seed=0).epoch(0))


@pytest.mark.parametrize("margin", [0.0, 0.09, 0.5])
def test_negatives_by_the_same_author_count_as_nearer(margin):
    found = objective({"image_text": {"author_margin": margin}}).eval()
    batch = batch_for(found)
    _, parts = found(batch)
    with torch.no_grad():
        image, text = (
            blocks["image_text"].double().numpy()
            for blocks in (
                found.space.image_blocks(batch.posts.image),
                found.space.text_blocks(batch.posts.text),
            )
        )
    keys, rows = batch.keys, range(len(batch.posts))
    here = {"image": batch.posts.has_image, "text": batch.posts.has_text}

    def matches(i: int, j: int) -> bool:
        return any(bool(key[i] == key[j]) for key in (keys.row, keys.text, keys.image))

    def one_way(queries: np.ndarray, candidates: np.ndarray, asks: str, answers: str) -> float:
        losses = []
        for i in rows:
            if not here[asks][i]:
                continue
            own = [j for j in rows if here[answers][j] and matches(i, j)]
            others = [j for j in rows if here[answers][j] and not matches(i, j)]
            negatives = 0.0
            for j in others:
                nearer = margin if keys.author[i] == keys.author[j] else 0.0
                negatives += np.exp((queries[i] @ candidates[j] + nearer) / 0.05)
            positives = [np.exp(queries[i] @ candidates[j] / 0.05) for j in own]
            if own:
                losses.append(np.mean([-np.log(p / (p + negatives)) for p in positives]))
        return float(np.mean(losses))

    wanted = (one_way(image, text, "image", "text") + one_way(text, image, "text", "image")) / 2
    assert float(parts["image_text"]) == pytest.approx(wanted, rel=1e-4)


def test_the_margin_is_for_the_pairs_own_block_alone():
    without, with_margin = (
        objective({"image_text": {"author_margin": margin}}).eval() for margin in (0.0, 0.5)
    )
    batch = batch_for(without)
    before, after = without(batch)[1], with_margin(batch)[1]
    assert after["image_text"] > before["image_text"] + 0.1
    for name in set(before) - {"image_text"}:
        assert after[name] == before[name]


def test_the_margin_stays_when_something_else_of_the_pair_is_set():
    default = LossesConfig().image_text.author_margin
    assert default > 0
    assert LossesConfig.parse({"image_text": {"weight": 0.5}}).image_text.author_margin == default
    with pytest.raises(BadConfig, match="author_margin"):
        LossesConfig.parse({"user_image": {"author_margin": 0.1}})


@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("pairs", SUBSETS, ids=lambda pairs: "+".join(pairs))
def test_any_pairs_train(layout, pairs):
    found = objective(layout=layout, pairs=pairs)
    before = {name: each.clone() for name, each in found.named_parameters()}
    loss, parts = found(batch_for(found))
    assert len(parts) == len(found.terms)
    loss.backward()
    without = {name for name, each in found.named_parameters() if each.grad is None}
    assert not (without and found.reaches_all)
    assert found.reaches_all == (len(pairs) == len(Pair))
    state = loop.begin(found, loop.LoopConfig(epochs=1, batch_size=24))
    loop.run(state, EXAMPLES, loop.LoopConfig(epochs=1, batch_size=24), lambda *_: None)
    moved = {name for name, each in found.named_parameters() if not each.equal(before[name])}
    assert moved
    assert all(each.isfinite().all() for each in found.parameters())


@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("absent", [("image",), ("text",), ("image", "text")])
def test_a_share_without_matches_still_reaches_every_parameter(layout, absent):
    """Else the workers' gradients would wait for each other without end."""
    found = objective(layout=layout)
    assert found.reaches_all
    batch = batch_for(found)
    nothing = torch.zeros(len(batch.posts), dtype=torch.bool)
    posts = replace(batch.posts, **{f"has_{modality}": nothing for modality in absent})
    loss, _ = found(replace(batch, posts=posts))
    loss.backward()
    for name, parameter in found.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all()
