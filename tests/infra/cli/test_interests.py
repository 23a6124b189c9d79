from typing import TYPE_CHECKING

from tests.training.planted import SUBJECTS
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from tests.infra.cli.conftest import Command

pytest_plugins = ["tests.infra.cli.planted_run"]


def test_words_of_a_person(planted_run: Tracking, commonspace: "Command") -> None:
    where = ("--model", "first", "--workspace", planted_run.workspace)
    done = commonspace("interests", "dogs-1", "-k", 3, "--json", *where)
    assert done.code == 0, done.err
    result = done.result
    assert (result["user_id"], result["model"]) == ("dogs-1", "run first")
    words = [interest["word"] for interest in result["interests"]]
    assert 1 <= len(words) <= 3
    assert set(words[0].split()) <= {"dogs", *SUBJECTS["dogs"]}
    strengths = [interest["strength"] for interest in result["interests"]]
    assert strengths == sorted(strengths, reverse=True)
    joint = result["held_out_tags"]["joint"]
    assert joint["precision@5/low"] <= joint["precision@5"] <= joint["precision@5/high"]

    shown = commonspace("interests", "dogs-1", "-k", 3, *where)
    assert shown.code == 0, shown.err
    assert all(word in shown.out for word in words)
    people = f"{joint['n']:.0f} people: {joint['precision@5']:.3f}"
    assert f"precision@5 against held-out tags, {people}" in shown.out


def test_tags_of_a_post(planted_run: Tracking, commonspace: "Command") -> None:
    where = ("--model", "first", "--workspace", planted_run.workspace)
    done = commonspace("describe", "post3", "-k", 2, "--json", *where)
    assert done.code == 0, done.err
    result = done.result
    assert (result["post_id"], result["author"], result["tags"]) == ("post3", "fruit-0", [])
    assert 1 <= len(result["lacks"]) <= 2
    assert "precision@5" in result["held_out_tags"]["joint"]

    shown = commonspace("describe", "post3", *where)
    assert shown.code == 0, shown.err
    assert shown.out.startswith("post3 by fruit-0\n")
    assert all(tag["tag"] in shown.out for tag in result["lacks"])


def test_wrong_names_are_told_with_near_ones(planted_run: Tracking, commonspace: "Command") -> None:
    where = ("--model", "first", "--workspace", planted_run.workspace)
    for command, wanted, near in (
        ("interests", "dogs-11", "'dogs-1'"),
        ("describe", "post3333", "'post33"),
    ):
        done = commonspace(command, wanted, *where)
        assert done.code == 4
        assert done.out == ""
        assert f"error: there is no {'person' if command == 'interests' else 'post'}" in done.err
        assert near in done.err
        assert "Traceback" not in done.err
    unknown = commonspace("interests", "dogs-1", "--model", "none", *where[2:])
    assert unknown.code == 4
    assert "runs: first" in unknown.err


def test_a_count_of_nothing_is_a_usage_error(commonspace: "Command") -> None:
    assert commonspace("interests", "dogs-1", "-k", 0).code == 2
