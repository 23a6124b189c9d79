import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import BadData
from training.tracking.metrics_log import MetricsTail, append_metrics, metric_name, read_metrics

NAMES = st.text(min_size=1, max_size=20)
METRICS = st.dictionaries(NAMES, st.floats(allow_nan=False), max_size=4)


@settings(deadline=None, max_examples=50)
@given(epochs=st.lists(METRICS, max_size=5))
def test_what_is_appended_is_read(epochs, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "metrics.jsonl"
    for epoch, metrics in enumerate(epochs):
        append_metrics(path, epoch, metrics)
    assert [line.metrics for line in read_metrics(path)] == epochs


def test_no_file_is_no_epochs(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl") == []


def test_nan_and_numpy_values_survive(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, np.int64(1), {"loss": np.float32("nan"), "lr": np.float64(0.5)})
    (line,) = read_metrics(path)
    assert math.isnan(line.metrics["loss"])
    assert line.metrics["lr"] == 0.5


def test_a_torn_last_line_is_passed_over_and_cut_off_by_the_next_writer(tmp_path):
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, 1, {"loss": 3})
    whole = path.read_bytes()
    append_metrics(path, 2, {"loss": 2})
    torn = path.read_bytes()
    for length in range(len(whole), len(torn)):
        path.write_bytes(torn[:length])
        assert [line.epoch for line in read_metrics(path)] == [1]
        append_metrics(path, 2, {"loss": 1.5})
        assert [line.metrics["loss"] for line in read_metrics(path)] == [3, 1.5]


def test_an_epoch_that_ran_again_counts_once_with_its_later_values(tmp_path):
    path = tmp_path / "metrics.jsonl"
    for epoch, loss in [(1, 3), (2, 2), (2, 1), (3, 0)]:
        append_metrics(path, epoch, {"loss": loss})
    assert [(line.epoch, line.metrics["loss"]) for line in read_metrics(path)] == [
        (1, 3),
        (2, 1),
        (3, 0),
    ]


@pytest.mark.parametrize("line", ["{}", "[]", "null", '{"epoch": 1}', "rubbish", ""])
def test_a_whole_line_of_something_else_is_an_error_with_its_number(tmp_path, line):
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, 1, {"loss": 3})
    with path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(BadData, match="line 2"):
        read_metrics(path)


def test_the_tail_gives_each_whole_line_once(tmp_path):
    path = tmp_path / "metrics.jsonl"
    tail = MetricsTail(path)
    assert tail.read() == []
    append_metrics(path, 1, {"loss": 3})
    line = json.dumps({"epoch": 2, "time": 0, "metrics": {}}).encode()
    with path.open("ab") as file:
        file.write(line[:9])
    assert [each.epoch for each in tail.read()] == [1]
    assert tail.read() == []
    with path.open("ab") as file:
        file.write(line[9:] + b"\n")
    assert [each.epoch for each in tail.read()] == [2]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("user_to_image/recall@10", "user_to_image/recall_at_10"),
        ("loss.image,text", "loss.image_text"),
        ("validation/mrr", "validation/mrr"),
    ],
)
def test_names_are_what_mlflow_takes(name, taken):
    from mlflow.utils.validation import _validate_metric_name

    assert metric_name(name) == taken
    _validate_metric_name(taken)
