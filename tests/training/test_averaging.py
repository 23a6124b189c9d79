import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.averaging import decay_at, kept


@given(
    since=st.integers(0, 900),
    steps=st.integers(0, 900),
    most=st.sampled_from([0.0, 0.05, 0.1, 0.11, 0.5, 0.98, 0.999]),
)
def test_many_steps_at_once_are_the_product_of_each(since, steps, most):
    product = 1.0
    for step in range(since + 1, since + steps + 1):
        product *= decay_at(step, most)
    found = kept(torch.tensor([since, since + steps]), since + steps, most)
    assert float(found[0]) == pytest.approx(product, rel=1e-9, abs=1e-300)
    assert float(found[1]) == pytest.approx(1.0, abs=1e-12)


def test_the_average_is_quick_at_first():
    assert decay_at(1, 0.98) < decay_at(50, 0.98) < decay_at(5000, 0.98) == 0.98
