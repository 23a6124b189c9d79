"""Audience and appeal against slow references in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from training.model.audience import Audience, AudienceConfig, asking

WIDTHS = (4, 3)


def places(count: int, seed: int, scale: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Unit blocks side by side, weighed."""
    generator = torch.Generator().manual_seed(seed)
    parts = [
        weight * normalize(torch.randn(count, width, generator=generator), dim=1)
        for weight, width in zip(scale, WIDTHS, strict=True)
    ]
    return torch.cat(parts, dim=1)


def fitted(people: Tensor, prototypes: int, sharpness: float = 15.0) -> Audience:
    audience = Audience(AudienceConfig(sharpness=sharpness), prototypes, sum(WIDTHS))
    audience.fit(people, WIDTHS)
    return audience


def likelihoods(place: np.ndarray, people: np.ndarray, sharpness: float) -> list[float]:
    return [float(np.exp(sharpness * np.dot(place, person))) for person in people]


cases = st.tuples(
    st.integers(1, 8), st.integers(0, 4), st.integers(0, 99), st.sampled_from([1.0, 15.0])
)


@settings(max_examples=40, deadline=None)
@given(case=cases)
def test_the_product_of_two_audiences_is_the_bhattacharyya_coefficient(case):
    count, beyond, seed, sharpness = case
    people = places(count, seed)
    contents = places(5, seed + 1, (1.0, 0.3))
    got, _ = fitted(people, count + beyond, sharpness)(contents)
    assert got.shape == (5, count + beyond)
    shares = []
    for content in contents.double().numpy():
        each = likelihoods(content, people.double().numpy(), sharpness)
        shares.append([value / sum(each) for value in each])
    for i, one in enumerate(shares):
        for j, other in enumerate(shares):
            wanted = sum(np.sqrt(p * q) for p, q in zip(one, other, strict=True))
            assert float(got[i] @ got[j]) == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(case=cases, loud=st.sampled_from([0.3, 1.0, 6.0]))
def test_who_asks_loses_by_what_suits_everybody(case, loud):
    count, beyond, seed, sharpness = case
    people = places(count, seed)
    contents = places(5, seed + 1, (loud, 0.3))
    _, appeal = fitted(people, count + beyond, sharpness)(contents)
    torch.testing.assert_close(appeal.norm(dim=1), torch.ones(5))
    for content, product in zip(
        contents.double().numpy(), (asking(appeal) * appeal).sum(dim=1), strict=True
    ):
        mean = np.mean(likelihoods(content, people.double().numpy(), sharpness))
        wanted = np.clip(-np.log(mean) / (3 * sharpness), -1, 1)
        assert float(product) == pytest.approx(wanted, abs=1e-5)


def test_prototypes_beyond_people_are_never_chosen():
    audience, _ = fitted(places(3, 0), 7)(places(20, 1))
    assert (audience[:, 3:] == 0).all()
    assert (audience[:, :3] > 0).all()
    torch.testing.assert_close(audience.norm(dim=1), torch.ones(20))


def test_more_people_than_prototypes_are_their_centres_and_the_same_each_time():
    people = places(60, 0)
    one, other = fitted(people, 8), fitted(people, 8)
    torch.testing.assert_close(one.prototypes, other.prototypes, rtol=0, atol=0)
    torch.testing.assert_close(one.sizes, other.sizes, rtol=0, atol=0)
    assert one.sizes.sum() == 60
    for part in one.prototypes.split(list(WIDTHS), dim=1):
        torch.testing.assert_close(part.norm(dim=1), torch.ones(8))
    # a centre speaks for as many as it stands for, though not in the audience: who, not how many
    contents = places(5, 1)
    audience, appeal = one(contents)
    centres, sizes = one.prototypes.double().numpy(), one.sizes.double().numpy()
    for row, content in enumerate(contents.double().numpy()):
        each = likelihoods(content, centres, 15.0)
        np.testing.assert_allclose(audience[row].square(), np.array(each) / sum(each), atol=1e-5)
        mean = np.average(each, weights=sizes)
        assert float(appeal[row, 0]) == pytest.approx(-np.log(mean) / 45, abs=1e-5)


def test_a_centre_of_nobody_is_never_chosen():
    people = places(2, 0).repeat(10, 1)  # two places, three centres
    audience = fitted(people, 3)
    assert sorted(audience.sizes.tolist()) == [0, 10, 10]
    assert (audience(places(4, 1))[0][:, audience.sizes == 0] == 0).all()


@pytest.mark.parametrize("people", [None, 0])
def test_without_people_there_is_neither(people):
    audience = Audience(AudienceConfig(), 4, sum(WIDTHS))
    if people is not None:
        audience.fit(places(5, 0)[:4], WIDTHS)
        audience.fit(places(people, 0), WIDTHS)  # what was fitted before is gone
    who, appeal = audience(places(3, 1))
    assert who.shape == (3, 4)
    assert (who == 0).all()
    assert (appeal == 0).all()
    assert (asking(appeal) == 0).all()
