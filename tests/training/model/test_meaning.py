from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.training.synthetic import small_examples
from training.batches import BatchSampler
from training.model import JointSpace, ModelConfig
from training.model.layout import MEANING
from training.model.meaning import Meaning
from training.model.whitening import Whitening, WhiteningConfig
from training.objective import LossesConfig, Objective


@pytest.mark.parametrize("components", [6, 10])
def test_texts_are_neighbours_as_their_leading_components_are(components):
    torch.manual_seed(0)
    texts = torch.randn(300, 10) * torch.linspace(3, 0.1, 10) + 0.5
    whitening = Whitening(10, WhiteningConfig(components=components, shrinkage=0.3))
    whitening.fit(texts)
    meaning = Meaning(None, 5)
    meaning.fit(whitening.deviations)
    placed = meaning.of_text(whitening(texts)).double().numpy()

    unit = texts.double().numpy() / np.linalg.norm(texts.double().numpy(), axis=1, keepdims=True)
    centred = unit - unit.mean(axis=0)
    leading = centred @ np.linalg.svd(centred, full_matrices=False)[2][:5].T
    leading /= np.linalg.norm(leading, axis=1, keepdims=True)
    np.testing.assert_allclose(placed @ placed.T, leading @ leading.T, atol=1e-4)


def test_images_without_a_teacher_have_no_place():
    assert (Meaning(None, 5).of_image(torch.randn(3, 8)) == 0).all()


def test_images_are_pulled_to_texts_and_texts_stay():
    examples = small_examples()
    torch.manual_seed(0)
    space = JointSpace(
        ModelConfig(dimension=24, hidden=16), users=6, image_features=12, text_features=10
    )
    space.fit_inputs(examples.features)
    objective = Objective(space, LossesConfig())
    objective.terms = tuple(term for term in objective.terms if term.block == MEANING)
    assert len(objective.terms) == 1
    batch = next(BatchSampler(examples, batch_size=20, people=6, seed=0).epoch(0))
    posts = space.whiten(batch.posts)
    posts.text.requires_grad_()  # as if an encoder were trained behind it
    objective(replace(batch, posts=posts))[0].backward()
    assert space.meaning is not None
    assert space.meaning.image is not None
    for parameter in space.meaning.image.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() > 0
    assert posts.text.grad is None
    assert all(parameter.grad is None for parameter in space.text.parameters())
