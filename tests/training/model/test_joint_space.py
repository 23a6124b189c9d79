from dataclasses import replace
from itertools import combinations

import pytest
import torch
from torch import Tensor

from tests.training.synthetic import small_examples
from training import embedding
from training.embedding import fit_audience
from training.modalities import History, PostFeatures
from training.model import JointSpace, ModelConfig
from training.model.layout import APPEAL_WIDTH, MEANING, Pair
from training.query_weights import spread, spread_all

SUBSETS = [pairs for size in (1, 2, 3) for pairs in combinations(Pair, size)]


@pytest.fixture(params=["private", "shared"])
def space(request) -> JointSpace:
    torch.manual_seed(0)
    config = ModelConfig(dimension=25, hidden=16, layout=request.param)
    joint = JointSpace(config, users=6, image_features=12, text_features=10)
    joint.fit_inputs(small_examples().features)
    return joint.eval()


def unit(vectors: Tensor) -> bool:
    return torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-5)


def test_every_embedding_has_unit_length_and_the_dimension(space):
    examples = small_examples()
    posts = examples.features
    users, present = space.encode_user(examples.histories(torch.arange(6)), torch.arange(6))
    for vectors in (
        space.encode_image(posts.image[posts.has_image]),
        space.encode_text(posts.text[posts.has_text]),
        space.encode_post(posts),
        users,
    ):
        assert vectors.shape[1] == space.dimension
        assert unit(vectors)
    assert present.all()


def test_the_dimension_is_the_sum_of_the_blocks(space):
    assert space.dimension == sum(block.dimension for block in space.blocks)
    assert sum(block.dimension for block in space.blocks if block.is_projected) == 25


@pytest.mark.parametrize("modality", ["image", "text"])
@pytest.mark.parametrize("fitted", [False, True])
def test_a_post_of_one_modality_is_that_modality(space, modality, fitted):
    examples = small_examples()
    if fitted:
        fit_audience(space, examples)
    features = examples.features
    rows = getattr(features, f"has_{modality}")
    other = "text" if modality == "image" else "image"
    only = replace(features, **{f"has_{other}": torch.zeros_like(rows)})[rows]
    alone = getattr(space, f"encode_{modality}")(getattr(only, modality))
    torch.testing.assert_close(space.encode_post(only), alone, atol=1e-5, rtol=0)


def test_before_the_audience_is_fitted_its_blocks_are_zero():
    joint = private()
    features = small_examples().features
    derived = ~torch.from_numpy(
        spread(
            [block.is_projected or block.name == MEANING for block in joint.blocks], joint.blocks
        )
    ).bool()
    assert derived.sum() == 6 + APPEAL_WIDTH
    vectors = joint.encode_post(features)
    assert unit(vectors)
    assert (vectors[:, derived] == 0).all()
    fit_audience(joint, small_examples())
    vectors = joint.encode_post(features)
    assert unit(vectors)
    assert (vectors[:, derived] != 0).any(dim=1).all()


def test_a_post_of_nothing_is_zero_even_with_an_audience():
    joint = private()
    fit_audience(joint, small_examples())
    nothing = torch.zeros(2, dtype=torch.bool)
    posts = PostFeatures(torch.randn(2, 12), nothing, torch.randn(2, 10), nothing)
    assert (joint.post_vectors(joint.whiten(posts)) == 0).all()


def test_the_audience_is_fitted_the_same_in_chunks(monkeypatch):
    whole, parts = private(), private()
    fit_audience(whole, small_examples())
    monkeypatch.setattr(embedding, "CHUNK", 4)
    fit_audience(parts, small_examples())
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(tensor, parts.state_dict()[name], msg=name)


def test_the_state_holds_all_that_was_fitted():
    joint, other = private(), private(seed=1, fitted=False)
    fit_audience(joint, small_examples())
    assert joint.audience is not None
    assert (joint.audience.sizes > 0).all()
    other.load_state_dict(joint.state_dict())
    features = small_examples().features
    torch.testing.assert_close(other.encode_post(features), joint.encode_post(features))


@pytest.mark.parametrize("layout", ["private", "shared"])
@pytest.mark.parametrize("pairs", SUBSETS, ids=lambda pairs: "+".join(pairs))
def test_any_pairs_make_a_space_of_unit_rows_that_ask_with_unit_rows(layout, pairs):
    examples = small_examples()
    joint = private(layout=layout, pairs=pairs)
    fit_audience(joint, examples)
    users, _ = joint.encode_user(examples.histories(torch.arange(6)), torch.arange(6))
    assert unit(users)
    assert unit(joint.encode_post(examples.features))
    for weights in spread_all(joint.blocks).values():
        asked = users.detach() * torch.from_numpy(weights)
        assert (asked.norm(dim=1) > 0.01).all()


def private(*, seed: int = 0, fitted: bool = True, **changes) -> JointSpace:
    torch.manual_seed(seed)
    config = ModelConfig.parse({"dimension": 25, "hidden": 16, **changes})
    joint = JointSpace(config, users=6, image_features=12, text_features=10)
    if fitted:
        joint.fit_inputs(small_examples().features)
    return joint.eval()


def test_an_absent_modality_has_no_say(space):
    examples = small_examples()
    rows = (~examples.features.has_image).nonzero().squeeze(1)
    features = examples.features[rows]
    other = PostFeatures(
        torch.full_like(features.image, 7.0), features.has_image, features.text, features.has_text
    )
    torch.testing.assert_close(space.encode_post(features), space.encode_post(other))
    torch.testing.assert_close(
        space.encode_post(features), space.encode_text(features.text), atol=1e-5, rtol=0
    )


def test_a_post_with_nothing_is_refused(space):
    nothing = torch.zeros(1, dtype=torch.bool)
    with pytest.raises(ValueError, match="image or a text"):
        space.encode_post(PostFeatures(torch.zeros(1, 12), nothing, torch.zeros(1, 10), nothing))


def test_a_stranger_is_placed_by_one_post_and_nobody_by_nothing(space):
    features = small_examples().features
    history = History.of(features, [[0], [], []])
    vectors, present = space.encode_user(history, torch.tensor([-1, -1, 2]))
    assert present.tolist() == [True, False, True]
    assert unit(vectors[present])


def test_the_order_of_a_history_does_not_matter_and_weights_do(space):
    features = small_examples().features
    forth, back = (History.of(features, [rows]) for rows in ([0, 2, 4], [4, 0, 2]))
    nobody = torch.tensor([-1])
    torch.testing.assert_close(
        space.encode_user(forth, nobody)[0], space.encode_user(back, nobody)[0]
    )
    heavy = History(forth.posts, forth.owner, torch.tensor([1.0, 1.0, 9.0]), 1)
    assert not torch.allclose(
        space.encode_user(forth, nobody)[0], space.encode_user(heavy, nobody)[0], atol=1e-3
    )


@pytest.mark.parametrize("part", ["identity", "content"])
def test_a_person_can_be_id_or_content_alone(part):
    torch.manual_seed(0)
    user = {"identity": part == "identity", "content": part == "content"}
    config = ModelConfig.parse({"dimension": 24, "hidden": 16, "user": user})
    joint = JointSpace(config, users=6, image_features=12, text_features=10).eval()
    features = small_examples().features
    one, other = (History.of(features, [rows]) for rows in ([0, 2], [9, 11]))
    known, nobody = torch.tensor([3]), torch.tensor([-1])
    same_id = joint.encode_user(one, known)[0] @ joint.encode_user(other, known)[0].T
    if part == "identity":  # what they posted still stands in the block that has no people
        assert not joint.encode_user(one, nobody)[0].isnan().any()
        blocks = joint.user_blocks(joint_history(joint, one), known)[0]
        others = joint.user_blocks(joint_history(joint, other), known)[0]
        torch.testing.assert_close(blocks["user_image"], others["user_image"])
    else:
        assert same_id < 0.999
        torch.testing.assert_close(
            joint.encode_user(one, known)[0], joint.encode_user(one, nobody)[0]
        )


def joint_history(joint: JointSpace, history: History) -> History:
    return History(joint.whiten(history.posts), history.owner, history.weight, history.people)


def test_no_gradient_crosses_from_a_guest_to_the_people_of_a_block():
    """What makes private blocks private: a third modality follows, and pulls on nobody."""
    from training.batches import BatchSampler
    from training.objective import LossesConfig, Objective

    examples = small_examples()
    torch.manual_seed(0)
    config = ModelConfig.parse({"dimension": 24, "hidden": 16, "pairs": list(Pair)})
    joint = JointSpace(config, users=6, image_features=12, text_features=10)
    weights = {"user_image": {"weight": 0.0}, "image_text": {"weight": 0.0}}
    objective = Objective(joint, LossesConfig.parse(weights))
    batch = next(BatchSampler(examples, batch_size=20, people=6, seed=0).epoch(0))
    batch = replace(
        batch,
        posts=joint.whiten(batch.posts),
        history=joint_history(joint, batch.history),
    )
    objective(batch)[0].backward()
    people = joint.people["user_image"].identities.weight.grad  # type: ignore[union-attr]
    assert people is None or people.abs().max() == 0  # user_text is a guest in this block
    own = joint.people["user_text"].identities.weight.grad  # type: ignore[union-attr]
    assert own is not None
    assert own.abs().max() > 0
