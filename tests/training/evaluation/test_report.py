"""Comparison tables: the best is bold, what is absent is a dash."""

import json

import numpy as np
from rich.console import Console

from training.evaluation.embedded import Direction
from training.evaluation.report import (
    comparison_markdown,
    comparison_table,
    flat_metrics,
    summarise_models,
)
from training.evaluation.retrieval import QueryResults

SUMMARY = {
    "joint": {
        "user_to_image": {"map": 0.4421, "median_rank": 3.0},
        "text_to_image": {"mrr": 0.4, "median_rank": 2.5},
    },
    "unimodal_image": {"user_to_image": {"map": 0.303, "median_rank": 1.0}},
    "also_joint": {"user_to_image": {"map": 0.4419, "median_rank": 9.0}},
}


def test_markdown():
    assert comparison_markdown(SUMMARY) == (
        "| model | text→image<br>MRR | user→image<br>MAP |\n"
        "| --- | ---: | ---: |\n"
        "| joint | 0.400 | **0.442** |\n"
        "| unimodal_image | – | 0.303 |\n"
        "| also_joint | – | **0.442** |\n"
    )


def test_of_ranks_the_lowest_is_best():
    lines = comparison_markdown(SUMMARY, metric="median_rank").splitlines()
    assert lines[2:] == [
        "| joint | 2.5 | 3 |",
        "| unimodal_image | – | **1** |",
        "| also_joint | – | 9 |",
    ]


def test_the_terminal_shows_all_eight_directions_in_80_columns():
    full = {d.value: {"map": 0.5, "mrr": 0.25} for d in Direction}
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    with console.file:
        console.print(comparison_table({"joint": full, "unimodal [image]": {}}, title="Test split"))
    text = console.export_text()
    assert "…" not in text
    rows = {line.split("  ")[0].strip(): line for line in text.splitlines()}
    assert rows["joint"].count("0.500") == 6
    assert rows["joint"].count("0.250") == 2
    assert rows["unimodal [image]"].count("–") == 8


def test_summary_is_plain_json():
    result = QueryResults(np.array([0, 1]), np.array([0, 0]), {"mrr": np.array([1.0, 0.5])})
    summary = summarise_models({"joint": {Direction.TEXT_TO_IMAGE: result}})
    assert json.loads(json.dumps(summary)) == {"joint": {"text_to_image": {"mrr": 0.75}}}


def test_flat_names_for_trackers():
    flat = flat_metrics({"user_to_text": {"recall@10": 0.5, "map": 0.1}}, prefix="test/")
    assert flat == {"test/user_to_text/recall_at_10": 0.5, "test/user_to_text/map": 0.1}
