import json
import math
from pathlib import Path

import pytest

from infra.benchmarks.claims import UNFINISHED, Claim, lines, write_claims


@pytest.mark.parametrize(
    ("value", "target", "met"),
    [
        (1.5, "<= 1.5", True),
        (1.51, "<= 1.5", False),
        (2000, ">= 2000", True),
        (0, "= 0", True),
        (1, "> 1", False),
    ],
)
def test_a_claim_is_met_by_its_sign(value: float, target: str, met: bool):
    assert Claim("it", value, target, "make it").met is met


def test_what_could_not_be_measured_meets_nothing():
    for target in ("<= 1", ">= 1", "= 1"):
        assert not Claim("it", math.nan, target, "make it").met
    assert lines([Claim("it", math.nan, "<= 1", "make it")])[0].startswith("MISSED it: nan")


def test_a_part_measured_again_leaves_the_rest_as_it_was(tmp_path: Path):
    path = tmp_path / "figures.json"
    write_claims([Claim("a", 1, "= 1", "make"), Claim("b", 1, "= 1", "make")], path)
    write_claims([Claim("b", 2, "= 1", "make"), Claim("c", 3, "= 3", "make")], path, keep=True)
    rows = json.loads(path.read_text())
    assert [(row["what"], row["value"], row["met"]) for row in rows] == [
        ("a", 1, True),
        ("b", 2, False),
        ("c", 3, True),
    ]
    write_claims([Claim("c", 3, "= 3", "make")], path)
    assert len(json.loads(path.read_text())) == 1


def test_a_trial_that_broke_off_once_is_not_held_against_it_for_ever(tmp_path: Path):
    path = tmp_path / "figures.json"
    broken = [Claim(f"{trial}{UNFINISHED}", 0, "= 1", "make") for trial in ("disk", "driver")]
    write_claims([*broken, Claim("node: lost", 0, "= 0", "make")], path)
    write_claims([Claim("disk: registered", 1, "= 1", "make")], path, keep=True)
    names = [row["what"] for row in json.loads(path.read_text())]
    assert names == [f"driver{UNFINISHED}", "node: lost", "disk: registered"]
    write_claims(broken[:1], path, keep=True)
    assert f"disk{UNFINISHED}" in [row["what"] for row in json.loads(path.read_text())]


def test_where_it_was_measured_is_not_published(tmp_path: Path):
    path = tmp_path / "figures.json"
    told = f"see {Path.cwd()}/build/run.log"
    write_claims([Claim("a", 1, "= 1", "make", told)], path)
    assert json.loads(path.read_text())[0]["detail"] == "see build/run.log"
