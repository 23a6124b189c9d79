"""Each loss against a slow reference in numpy, on random rows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.errors import BadConfig
from training.losses import PairLossConfig, build_loss

MARGIN, TEMPERATURE = 0.3, 0.1


@st.composite
def rows(draw):
    """Scores, positives with one at least a row, and ignored candidates that are no positives."""
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 7)))
    scores = draw(arrays(np.float32, shape, elements=st.floats(-1, 1, width=32)))
    positives = draw(arrays(np.bool_, shape))
    first = draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    positives[np.arange(shape[0]), first] = True
    ignored = draw(arrays(np.bool_, shape)) & ~positives
    return scores, positives, ignored


def infonce(scores, positives, ignored):
    logits = scores / TEMPERATURE
    denominator = np.log(np.exp(logits[~ignored]).sum())
    return np.mean([denominator - logit for logit in logits[positives]])


def each_positive(scores, positives, ignored):
    exponentials = np.exp(scores.astype(float) / TEMPERATURE)
    negatives = exponentials[~positives & ~ignored].sum()
    return np.mean([-np.log(e / (e + negatives)) for e in exponentials[positives]])


def sigmoid(scores, positives, ignored):
    total = 0.0
    for score, positive, skip in zip(scores, positives, ignored, strict=True):
        if not skip:
            logit = score / TEMPERATURE - 10
            total += np.log1p(np.exp(-logit if positive else logit))
    return total


def hinge_terms(scores, positives, ignored):
    worst = min(scores[positives])
    negatives = scores[~positives & ~ignored]
    return np.array([max(0.0, MARGIN - worst + score) for score in negatives])


def sum_of_hinges(*row):
    return hinge_terms(*row).sum()


def max_of_hinges(*row):
    return max(hinge_terms(*row), default=0.0)


def violation_averaged_hinge(*row):
    terms = hinge_terms(*row)
    return terms[terms > 0].mean() if (terms > 0).any() else 0.0


REFERENCES = [
    infonce,
    each_positive,
    sigmoid,
    sum_of_hinges,
    max_of_hinges,
    violation_averaged_hinge,
]


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda f: f.__name__)
@settings(max_examples=60, deadline=None)
@given(case=rows())
def test_a_loss_equals_its_slow_reference(reference, case):
    loss = build_loss(
        PairLossConfig(name=reference.__name__, margin=MARGIN, temperature=TEMPERATURE)
    )
    got = loss(*(torch.from_numpy(part) for part in case)).detach().numpy()
    wanted = [reference(*row) for row in zip(*(c.astype(c.dtype) for c in case), strict=True)]
    np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-5)
    assert (got >= -1e-5).all()


@pytest.mark.parametrize("name", [f.__name__ for f in REFERENCES])
def test_an_ignored_candidate_gets_no_gradient(name):
    scores = torch.tensor([[0.5, 0.6, 0.4]], requires_grad=True)
    loss = build_loss(PairLossConfig(name=name))
    value = loss(scores, torch.tensor([[True, False, False]]), torch.tensor([[False, True, False]]))
    value.sum().backward()
    assert scores.grad is not None
    assert scores.grad[0, 1] == 0
    assert scores.grad[0, 0] < 0


def test_a_row_without_a_positive_is_refused():
    loss = build_loss(PairLossConfig())
    nothing = torch.zeros(1, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="positive"):
        loss(torch.zeros(1, 3), nothing, nothing)


def test_an_unknown_loss_names_the_nearest():
    with pytest.raises(BadConfig, match="did you mean 'infonce'"):
        build_loss(PairLossConfig(name="infonse"))
