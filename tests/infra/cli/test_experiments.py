import json
import re
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from infra.product import load_config
from recsys.experiments.assignment import variant_of
from tests.recsys.experiments.played import CHANCES, PLACES, POSTS, play
from tests.recsys.world import open_events

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command

EXPERIMENTS = [
    {
        "name": "ranks",
        "variants": [
            {"name": "control"},
            {"name": "new", "recommend": {"ranking": {"taste": 0.9}}},
            {"name": "beside", "recommend": {"ranking": {"taste": 0.1}}},
        ],
        "shadow": ["beside"],
        "people": 200,
    },
    {
        "name": "later",
        "layer": "second",
        "start": "2999-01-01T00:00:00Z",
        "variants": [{"name": "a"}, {"name": "b", "model": "7"}],
    },
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """A file of settings whose workspace holds an experiment that ran."""
    folder = tmp_path_factory.mktemp("experiments")
    file = folder / "product.yaml"
    tree = {"workspace": str(folder), "experiments": EXPERIMENTS}
    file.write_text(yaml.safe_dump(tree))
    with open_events(folder) as events:
        play(events, load_config(file).experiments[0], 400, {"control": 0.2, "new": 0.5})
    return file


def test_the_settings_experiments_are_listed_and_shown(commonspace: "Command", settings):
    listed = commonspace("experiments", "list", "--config", settings, "--json")
    assert [(one["name"], one["state"], one["shadow"]) for one in listed.result] == [
        ("ranks", "running", ["beside"]),
        ("later", "planned", []),
    ]
    text = commonspace("experiments", "list", "--config", settings).out
    assert "control, new" in text and "planned" in text
    shown = commonspace("experiments", "show", "ranks", "--config", settings, "--json").result
    assert shown["settings"]["variants"][1]["recommend"] == {"ranking": {"taste": 0.9}}
    assert "taste: 0.9" in commonspace("experiments", "show", "ranks", "--config", settings).out


def test_without_experiments_that_is_said(commonspace: "Command", tmp_path):
    done = commonspace("experiments", "list", "--workspace", tmp_path)
    assert (done.code, done.out) == (0, "no experiments in the settings\n")
    done = commonspace("experiments", "report", "ranks", "--workspace", tmp_path)
    assert done.code == 4 and "no experiment 'ranks'" in done.err and "hint: " in done.err


def test_a_person_is_told_their_variants(commonspace: "Command", settings):
    experiment = load_config(settings).experiments[0]
    for person in ("alice", "bob", "dora"):
        done = commonspace("experiments", "assign", person, "--config", settings, "--json")
        first, second = done.result["assignments"]
        variant = variant_of(person, experiment).name
        assert (first["variant"], second["state"]) == (variant, "planned")
        expected = {"ranking.taste": 0.9} if variant == "new" else {}
        assert first["changes"] == expected
    assert "ranks" in commonspace("experiments", "assign", "alice", "--config", settings).out


def test_a_report_says_who_won_and_by_how_much(commonspace: "Command", settings, tmp_path):
    picture = tmp_path / "made" / "ranks.png"
    done = commonspace(
        *("experiments", "report", "ranks", "--config", settings, "--json", "--plot", picture)
    )
    assert done.code == 0, done.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = {(one["variant"], one["metric"]): one for one in done.result["comparisons"]}
    per_person = found["new", "value per person"]
    assert per_person["bootstrap"]["low"] > 0.3
    assert [one["name"] for one in done.result["variants"]] == ["control", "new"]
    text = commonspace("experiments", "report", "ranks", "--config", settings).out
    assert "minus control" in text and "anytime" in text
    assert "! The planned size isn't reached" in text
    assert not re.search(r"person\d", text)  # nobody is named


def test_one_variant_with_shadows_and_one_person_has_a_report_without_nan(
    commonspace: "Command", tmp_path
):
    alone = {**EXPERIMENTS[0], "variants": EXPERIMENTS[0]["variants"][::2]}  # type: ignore[index]
    file = tmp_path / "alone.yaml"
    file.write_text(yaml.safe_dump({"workspace": str(tmp_path), "experiments": [alone]}))
    with open_events(tmp_path) as events:
        play(events, load_config(file).experiments[0], 1, {"control": 0.2})
    picture = tmp_path / "alone.png"
    done = commonspace("experiments", "report", "ranks", "--config", file, "--plot", picture)
    assert done.code == 0, done.err
    assert "control" in done.out and "nan" not in done.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_experiment_without_exposures_is_told_so(commonspace: "Command", settings):
    done = commonspace("experiments", "report", "later", "--config", settings)
    assert done.code == 4
    assert "nothing was shown in experiment 'later' yet" in done.err


def test_a_shadow_and_the_same_policy_from_a_file_are_worth_the_same(
    commonspace: "Command", settings, tmp_path
):
    """The shadow draws from all posts alike; the truth is worth more than what was logged."""
    ask = ("experiments", "estimate", "ranks", "--config", settings, "--json")
    by_shadow = commonspace(*ask, "--variant", "beside").result
    with open_events(settings.parent) as events:
        start, end = events.outcomes.span("ranks")
        places = [
            (row.request_id, row.position)
            for row in events.exposures.since("ranks", start, end.replace(year=end.year + 1))
        ]
    rows = [
        {
            "request_id": request,
            "position": position,
            "post_id": f"post{post}-{position}",
            "probability": 1 / POSTS,
        }
        for request, position in places
        for post in range(POSTS)
    ]
    file = tmp_path / "policy.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    by_file = commonspace(*ask, "--policy", file).result
    better = (0.5 + sum(range(POSTS)) / POSTS**2) / (0.5 + CHANCES @ range(POSTS) / POSTS)
    expected = by_file["logged"]["value"] * better
    for name in ("ips", "self_normalised", "doubly_robust"):
        assert by_file[name]["low"] < expected < by_file[name]["high"]
        assert by_shadow[name]["low"] < expected < by_shadow[name]["high"]
    assert by_file["posts"] == by_shadow["posts"] == 400 * 2 * PLACES
    assert by_file["effective"] > by_shadow["effective"]  # a draw tells less than its chances
    text = commonspace(*ask[:-1], "--policy", file).out
    assert "doubly robust" in text and "mean weight" in text
    one_variant = commonspace(*ask, "--policy", file, "--logged", "new").result
    assert one_variant["people"] < 300


def refused(commonspace: "Command", settings, *arguments, code=3) -> str:
    done = commonspace("experiments", "estimate", "ranks", "--config", settings, *arguments)
    assert (done.code, done.out) == (code, "")
    assert "Traceback" not in done.err
    return done.err


def test_what_an_estimate_can_not_be_made_of_is_told(commonspace: "Command", settings, tmp_path):
    usage = {"code": 2}
    assert "exactly one" in refused(commonspace, settings, **usage)
    assert "no variant 'x'" in refused(commonspace, settings, "--variant", "x", **usage)
    assert "above 0" in refused(
        commonspace, settings, "--variant", "beside", "--clip", "-1", **usage
    )
    assert "nothing was computed" in refused(commonspace, settings, "--variant", "new", code=4)
    assert "there is no file" in refused(commonspace, settings, "--policy", tmp_path / "no.csv")
    assert "must end in" in refused(commonspace, settings, "--policy", tmp_path / "policy.xlsx")
    cases = {
        "request_id,position,post_id\nr,0,p\n": "no column probability",
        "request_id,position,post_id,probability\nr,first,p,1\n": "wrong type",
        "request_id,position,post_id,probability\nr,,p,1\n": "empty cells",
        "request_id,position,post_id,probability\nr,0,p,0.5\n": "sum to 1",
        "request_id,position,post_id,probability\nr,0,p,1\n": "says nothing about any place",
        "": "can't be read",
    }
    for number, (text, words) in enumerate(cases.items()):
        file = tmp_path / f"{number}.csv"
        file.write_text(text)
        assert words in refused(commonspace, settings, "--policy", file)
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(b"PAR1 and no more")
    assert "can't be read" in refused(commonspace, settings, "--policy", torn)
    lines = tmp_path / "bad.jsonl"
    lines.write_text(json.dumps({"request_id": "r"}) + "\n{")
    assert "can't be read" in refused(commonspace, settings, "--policy", lines)
