from dataclasses import replace

import torch

from tests.training.synthetic import small_examples
from training import loop, whitened
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective


def fitted(examples) -> JointSpace:
    torch.manual_seed(0)
    space = JointSpace(
        ModelConfig(dimension=24, hidden=16),
        users=len(examples.users),
        image_features=12,
        text_features=10,
    )
    space.fit_inputs(examples.features, examples.rows("train"))
    return space


def test_a_small_table_is_left_to_the_workers(tmp_path):
    examples = small_examples()
    whitened.save_whitened(fitted(examples), examples, tmp_path)
    assert not list(tmp_path.iterdir())
    assert whitened.with_whitened(examples, tmp_path) is examples


def test_training_on_a_table_on_disk_is_training_on_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(whitened, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(whitened, "_ROWS_AT_ONCE", 7)
    examples = small_examples()
    space = fitted(examples)
    whitened.save_whitened(space, examples, tmp_path)
    mapped = whitened.with_whitened(examples, tmp_path)
    assert mapped.whitened and not examples.whitened
    white = space.whiten(examples.features)
    torch.testing.assert_close(mapped.features.image, white.image)
    torch.testing.assert_close(mapped.features.text, white.text)
    config = loop.LoopConfig(epochs=1, batch_size=16)
    ends = []
    for each in (examples, mapped):
        state = loop.begin(Objective(fitted(examples), LossesConfig()), config)
        ends.append(loop.run(state, each, config, lambda metrics, state: None))
    weights = ends[1].objective.state_dict()
    for name, weight in ends[0].objective.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-4, atol=1e-5)


def test_whitening_is_fitted_to_the_rows_alone():
    examples = small_examples(people=30)
    rows = examples.rows("train")
    spoiled = examples.features.text.clone()
    spoiled[examples.rows("test")] = 1e6
    other = fitted(replace(examples, features=replace(examples.features, text=spoiled)))
    wanted = fitted(examples)
    torch.testing.assert_close(other.whiten_text.basis, wanted.whiten_text.basis, rtol=0, atol=0)
    alone = JointSpace(wanted.config, users=30, image_features=12, text_features=10)
    alone.fit_inputs(examples.features[rows])
    torch.testing.assert_close(alone.whiten_text.basis, wanted.whiten_text.basis, rtol=0, atol=0)
