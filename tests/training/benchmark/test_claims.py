import numpy as np
import pytest

from training.benchmark.claims.base import Claim, Evidence, all_claims
from training.benchmark.results import Results
from training.benchmark.trial import Outcome
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import QueryResults

PEOPLE = 10


def table(value: float, directions=tuple(Direction)) -> dict[Direction, QueryResults]:
    values = {"map": np.full(PEOPLE, value), "mrr": np.full(PEOPLE, value)}
    rows = np.arange(PEOPLE)
    return {direction: QueryResults(rows, rows, values) for direction in directions}


def evidence(levels: dict[str, list[float]], sample: bool = True, **more) -> Evidence:
    """Tables in which every query of a seed has the same value."""
    tables = {name: [table(value) for value in values] for name, values in levels.items()}
    seeds = len(levels["joint"])
    newcomers = [Outcome({}, vectors={"people": np.arange(4)}) for _ in range(seeds)]
    return Evidence(Results(tables, {"newcomers": newcomers}), sample, **more)


GOOD = {
    "unimodal_image": [0.3] * 3,
    "unimodal_text": [0.4] * 3,
    "isolated": [0.60, 0.61, 0.62],
    "joint": [0.66, 0.67, 0.68],
    "emergent": [0.55] * 3,
    "emergent_weighed": [0.56] * 3,
    "joint, half apart": [0.60] * 3,
    "isolated, half apart": [0.50] * 3,
    "joint, half independent": [0.60] * 3,
    "isolated, half independent": [0.50] * 3,
    **{f"fold_in_{k}": [0.5] * 3 for k in (1, 2, 3)},
    "fold_in_mixed": [0.5] * 3,
    "trained_few": [0.5] * 3,
}
BAD = GOOD | {
    "joint": [0.41, 0.42, 0.43],
    "emergent": [0.1] * 3,
    "joint, half apart": [0.2] * 3,
    "joint, half independent": [0.40] * 3,  # a good share, but below isolated
    **{f"fold_in_{k}": [0.1] * 3 for k in (1, 2, 3)},
}


def by_start(claims: list[Claim], start: str) -> Claim:
    (found,) = [claim for claim in claims if claim.claim.startswith(start)]
    return found


def test_all_claims_are_met_by_good_results() -> None:
    claims, left_out = all_claims(evidence(GOOD))
    assert {claim.claim: claim.met for claim in claims if not claim.met} == {}
    assert set(left_out) == {"interests", "communities", "reactions"}
    assert by_start(claims, "user→image MAP").value == pytest.approx(0.67 / 0.3)
    assert by_start(claims, "gain of joint").value == pytest.approx(0.67 / 0.61 - 1)
    assert by_start(claims, "directions").value == 6
    assert by_start(claims, "people never seen").value == pytest.approx(0.5 / 0.67)


def test_no_claim_is_met_by_bad_results() -> None:
    claims, _ = all_claims(evidence(BAD))
    met = {claim.claim for claim in claims if claim.met}
    assert met == {by_start(claims, "user→image MAP").claim}  # .42 over .3 is 1.4 exactly
    independent = by_start(claims, "half of the images and half")
    assert independent.value > 0.85
    assert not independent.met


def test_a_little_less_is_equal_within_one_standard_error_and_no_further() -> None:
    near = evidence(GOOD | {"joint": [0.599, 0.609, 0.619]})
    far = evidence(GOOD | {"joint": [0.58, 0.59, 0.60]})
    assert by_start(all_claims(near)[0], "directions").met
    assert not by_start(all_claims(far)[0], "directions").met


def test_one_seed_allows_no_error() -> None:
    one = {name: values[:1] for name, values in GOOD.items()} | {"joint": [0.599]}
    claim = by_start(all_claims(evidence(one))[0], "directions")
    assert not claim.met
    assert "one seed" in claim.detail


def test_the_absolute_target_is_for_the_sample_alone() -> None:
    elsewhere = by_start(all_claims(evidence(GOOD, sample=False))[0], "user→post")
    assert (elsewhere.target, elsewhere.met) == (None, None)
    assert by_start(all_claims(evidence(GOOD))[0], "user→post").met


def test_a_claim_without_its_results_is_left_out_with_the_reason() -> None:
    few = {"joint": [0.5], "unimodal_image": [0.3]}
    claims, left_out = all_claims(evidence(few))
    assert "unimodal_text" in left_out["over_unimodal"]
    assert "isolated" in left_out["over_isolated"]
    assert [claim.claim for claim in claims] == ["user→post MAP of joint"]


def probe(joint: tuple[float, float], other: tuple[float, float]) -> dict:
    def cells(interval: tuple[float, float]) -> dict:
        cell = {"mean": sum(interval) / 2, "low": interval[0], "high": interval[1], "n": 3}
        return {"macro_f1": cell, "ndcg": cell}

    names = ("unimodal_image", "unimodal_text", "concatenation")
    gap = {"macro_f1": {"value": 0.1, "low": 0.0, "high": 0.2}}
    gap["ndcg"] = gap["macro_f1"]
    return {
        "models": {"joint": cells(joint), **{name: cells(other) for name in names}},
        "differences": {name: gap for name in names},
        "people": 9,
    }


@pytest.mark.parametrize(
    ("joint", "met"), [((0.61, 0.7), True), ((0.55, 0.8), False), ((0.1, 0.2), False)]
)
def test_interests_need_intervals_apart(joint: tuple[float, float], met: bool) -> None:
    claims, _ = all_claims(evidence(GOOD, interests=probe(joint, (0.5, 0.6))))
    assert [c.met for c in claims if c.claim.startswith("interests")] == [met, met]


def test_claims_of_other_packages_are_taken_as_they_are() -> None:
    theirs = {"claim": "c", "value": 1.0, "target": 2.0, "met": False, "detail": "d"}
    claims, _ = all_claims(evidence(GOOD, reactions={"claims": [theirs]}))
    assert claims[-1].to_json() == theirs
