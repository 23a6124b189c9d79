"""From a run in the workspace to the page, through the real tracker."""

import json
from pathlib import Path

import pytest

from tests.training.report.finished import space_for, write_posts
from tests.training.report.reading import assert_harmless
from training.errors import BadConfig, BadData, NotFound
from training.evaluation.card import CARD_JSON, CARD_MARKDOWN, log_card
from training.report.run_record import find_run
from training.report.write import write_report
from training.tracking.registry import register
from training.tracking.run import TrackedRun

pytest_plugins = ["tests.training.report.run_fixtures"]


@pytest.fixture
def tracking(report_tracking):
    return report_tracking


@pytest.fixture
def run_id(finished_run):
    return finished_run


def test_the_page_is_written_and_logged(tracking, run_id, tmp_path):
    record = find_run(tracking, "first")
    report = write_report(tracking, record, tmp_path / "new" / "page.html")
    html = report.path.read_text(encoding="utf-8")
    assert report.bytes == len(html.encode()) < 5_000_000
    seen = assert_harmless(html)
    assert run_id in seen.text
    assert len(seen.named("img")) > 40
    logged = tracking.call(
        lambda client: client.download_artifacts(run_id, "report/report.html", str(tmp_path))
    )
    assert Path(logged).read_text(encoding="utf-8") == html
    with pytest.raises(BadConfig, match="is a folder"):
        write_report(tracking, record, tmp_path)


def test_a_run_is_found_by_all_its_names(tracking, run_id):
    named = find_run(tracking, "first")
    assert find_run(tracking, run_id) == named
    assert (named.run_id, named.version) == (run_id, None)
    assert [each["epoch"] for each in named.history] == [1, 2]
    register(tracking, run_id, named.model_folder, metrics={"validation/score": 0.5})
    tracking.call(lambda c: c.set_registered_model_alias("commonspace", "champion", "1"))
    by_alias = find_run(tracking, "champion")
    assert by_alias.version is not None and by_alias.version.version == 1
    assert by_alias == find_run(tracking, "1") == find_run(tracking, "first")


def test_without_the_folder_everything_comes_from_the_tracker(tracking, run_id):
    folder = tracking.workspace / "runs" / "first"
    here = find_run(tracking, "first")
    away_from_here = tracking.workspace / "away"
    folder.rename(away_from_here)
    try:
        away = find_run(tracking, "champion")
    finally:
        away_from_here.rename(folder)
    assert away.config == here.config
    assert away.model_folder != here.model_folder
    assert (away.model_folder / "space.json").is_file()
    assert away.data_digest == here.data_digest


def test_what_is_not_there(tracking, run_id):
    with pytest.raises(NotFound, match="no run 'none', and model") as caught:
        find_run(tracking, "none")
    assert "runs: first" in caught.value.hint
    with pytest.raises(NotFound):
        find_run(tracking, "0" * 32)


def test_other_data_than_it_was_trained_on_is_refused(tracking, run_id, report_posts, tmp_path):
    record = find_run(tracking, "first")
    whole = report_posts.read_bytes()
    write_posts(report_posts, each=7)
    try:
        with pytest.raises(BadData, match="has changed since"):
            write_report(tracking, record, tmp_path / "page.html")
    finally:
        report_posts.write_bytes(whole)


def test_the_evaluation_card_is_left_with_the_run(
    tracking, run_id, hostile, real_encoders, tmp_path
):
    space = space_for(hostile.examples, real_encoders)
    card = log_card(TrackedRun(tracking, run_id), space, hostile)

    def logged(name: str) -> str:
        path = tracking.call(lambda c: c.download_artifacts(run_id, name, str(tmp_path)))
        return Path(path).read_text(encoding="utf-8")

    assert json.loads(logged(CARD_JSON)) == card.to_json()
    assert logged(CARD_MARKDOWN) == card.to_markdown()
