"""Plots: files that are there, are not empty, and show every series, however little there is."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.embedded import Direction
from training.evaluation.plots import retrieval_bars, score_histograms, training_curves
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.style import COLOURS, shorten


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_training_curves(tmp_path, colours_of):
    history = [
        {
            "epoch": e,
            "loss": 3 / e,
            "loss/image-text": 1 / e,
            "validation/user_to_image/map": 0.1 * e,
        }
        for e in range(1, 6)
    ]
    history[2].pop("validation/user_to_image/map")  # not every epoch is validated
    found = colours_of(training_curves(history, tmp_path / "plots" / "curves.png"))
    assert {rgb(COLOURS[0]), rgb(COLOURS[1])} <= found


@pytest.mark.parametrize("history", [[], [{"seconds": 1.0}], [{"loss": 2.0}]])
def test_little_to_draw_is_no_error(tmp_path, history):
    assert training_curves(history, tmp_path / "curves.png").stat().st_size > 1000


def test_retrieval_bars(tmp_path, colours_of, small_space):
    joint = evaluate_retrieval(small_space)
    summary = {"joint": joint, "unimodal": {"user_to_image": joint["user_to_image"]}}
    intervals = {"joint": {"user_to_image": (0.1, 0.9)}}
    path = retrieval_bars(summary, tmp_path / "bars.png", intervals=intervals)
    assert {rgb(COLOURS[0]), rgb(COLOURS[1])} <= colours_of(path)
    assert len(colours_of(retrieval_bars(summary, tmp_path / "b.png", metric="median_rank"))) > 2
    assert retrieval_bars({}, tmp_path / "none.png").exists()


def test_score_histograms(tmp_path, colours_of, small_space):
    assert len(colours_of(score_histograms(small_space, tmp_path / "all.png"))) > 20
    some = replace(small_space, texts=None, posts=None)
    assert len(colours_of(score_histograms(some, tmp_path / "two.png"))) > 20


def test_histograms_of_nothing_are_refused(tmp_path, small_space):
    nothing = replace(small_space, images=None, texts=None, posts=None)
    with pytest.raises(ValueError, match="no direction"):
        score_histograms(nothing, tmp_path / "none.png")


def test_names_in_every_script_raise_no_warning(tmp_path):
    summary = {"模型 😀": {Direction.USER_TO_IMAGE.value: {"map": 0.5}}}
    assert retrieval_bars(summary, tmp_path / "bars.png").exists()


def test_shorten():
    assert shorten("one\n two   three", 20) == "one two three"
    assert shorten("abcdefgh ijkl", 10) == "abcdefgh…"


def test_a_figure_leaves_no_global_state(tmp_path, small_space):
    import sys

    score_histograms(small_space, tmp_path / "scores.png")
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()
    assert np.isfinite(small_space.users).all()
