import pytest
import torch
from torch import Tensor

from tests.training.synthetic import small_examples
from training.modalities import History, PostFeatures
from training.model import JointSpace, ModelConfig
from training.model.layout import Pair


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
        assert vectors.shape[1] == 25
        assert unit(vectors)
    assert present.all()


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
    from dataclasses import replace

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
