"""The part of the card that says how well tags are foretold, and the way back from the tracker."""

import json
from pathlib import Path

import pytest

from tests.training.planted import Planted
from training.evaluation.card import EvaluationCard, evaluation_card, log_card, read_card
from training.interests.precision import tag_figures
from training.report import tables
from training.tracking.config import TrackingConfig
from training.tracking.run import open_run
from training.tracking.server import MLFLOW_SETTINGS, Tracking


@pytest.fixture(scope="module")
def card(planted: Planted) -> EvaluationCard:
    return evaluation_card(planted.space, planted.materials, landscape=planted.landscape)


def test_the_card_holds_the_figures(planted: Planted, card: EvaluationCard) -> None:
    assert card.tags == tag_figures(planted.landscape, planted.materials, "test")
    plain = card.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["tags"]["people"]["joint"]["precision@5"] > 0


def test_people_read_them_on_the_card_and_on_the_report(card: EvaluationCard) -> None:
    text, page = card.to_markdown(), tables.tags_tables(card)
    assert "## Tags foretold" in text
    for figures in card.tags.values():
        for model, each in figures.items():
            shown = f"{each['precision@5']:.3f} ({each['precision@5/low']:.3f}"
            assert shown in text and shown in page
            assert model in text and model in page


def test_without_a_landscape_there_is_no_such_part(planted: Planted) -> None:
    card = evaluation_card(planted.space, planted.materials)
    assert card.tags == {}
    assert "Tags foretold" not in card.to_markdown()
    assert tables.tags_tables(card) == ""


def test_a_card_is_read_back_from_its_run(
    planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in MLFLOW_SETTINGS.items():
        monkeypatch.setenv(name, value)
    tracking = Tracking(TrackingConfig(), tmp_path)
    with open_run(tracking, tmp_path / "run", name="first") as run:
        assert read_card(tracking, run.run_id) == {}
        card = log_card(run, planted.space, planted.materials, landscape=planted.landscape)
    assert read_card(tracking, run.run_id) == card.to_json()
