import numpy as np
import pytest

from tests.training.synthetic import small_examples
from training.benchmark.interests import (
    category_mixes,
    macro_f1,
    mix_gain,
    predicted_mixes,
    probe_report,
)

PEOPLE = 40
EXAMPLES = small_examples(people=PEOPLE, posts_each=8)


def labelled():
    """Person p posts about category p % 4, and once about the next one."""
    places = [divmod(row, 8) for row in range(8 * PEOPLE)]
    mixes = category_mixes(EXAMPLES, [f"c{(p + (place == 0)) % 4}" for p, place in places])
    assert mixes is not None
    return mixes


def test_mixes_are_shares() -> None:
    mixes = labelled()
    order = {name: i for i, name in enumerate(EXAMPLES.users)}
    assert len(mixes.people) == len(order) == PEOPLE
    assert np.allclose(mixes.shares.sum(axis=1), 1)
    assert set(mixes.shares.max(axis=1)) == {7 / 8}


def test_too_few_labels_give_no_probe() -> None:
    assert category_mixes(EXAMPLES, [None] * len(EXAMPLES.split)) is None
    assert category_mixes(EXAMPLES, ["same"] * len(EXAMPLES.split)) is None


def test_the_probe_finds_what_is_there_and_nothing_else() -> None:
    mixes, random = labelled(), np.random.default_rng(0)
    telling = np.eye(4)[mixes.dominant] + 0.1 * random.normal(size=(PEOPLE, 4))
    noise = random.normal(size=(PEOPLE, 4))
    inputs = {"joint": telling, "unimodal_text": noise}
    predictions = {
        name: [predicted_mixes(each[np.argsort(mixes.people)], mixes)]
        for name, each in inputs.items()
    }
    report = probe_report(predictions, mixes)
    assert report["models"]["joint"]["macro_f1"]["mean"] > 0.95
    assert report["models"]["unimodal_text"]["macro_f1"]["mean"] < 0.6
    gap = report["differences"]["unimodal_text"]["ndcg"]
    assert 0 < gap["low"] < gap["value"] < gap["high"]


def test_mix_gain_is_one_for_the_right_order_only() -> None:
    shares = np.array([[0.7, 0.3, 0.0]])
    assert mix_gain(shares, np.array([[0.5, 0.3, 0.2]]))[0] == pytest.approx(1)
    discount = 1 / np.log2([2, 3, 4])
    expected = (0.3 * discount[0] + 0.7 * discount[1]) / (0.7 * discount[0] + 0.3 * discount[1])
    assert mix_gain(shares, np.array([[0.3, 0.5, 0.2]]))[0] == pytest.approx(expected)


def test_macro_f1_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score

    random = np.random.default_rng(1)
    truth, guess = random.integers(5, size=(2, 60))
    labels = np.array([0, 2, 3])
    expected = f1_score(truth, guess, labels=labels.tolist(), average="macro")
    found = macro_f1(truth, guess, labels, np.ones((1, 60), dtype=int))
    assert found[0] == pytest.approx(expected)
