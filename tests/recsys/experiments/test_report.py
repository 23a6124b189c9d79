import json
import math
from dataclasses import asdict
from datetime import timedelta

import numpy as np
import pytest
from PIL import Image

from recsys.events.outcomes import Outcomes, VariantOutcomes
from recsys.experiments.config import ExperimentConfig
from recsys.experiments.plot import plot
from recsys.experiments.report import PER_EXPOSURE, PER_PERSON, report_on, summarised
from tests.recsys.experiments.played import DAYS, NOW, START, play
from tests.recsys.world import open_events
from training.errors import NotFound

ENDS = tuple(START + timedelta(days=day) for day in (1, 2))


def experiment(**more) -> ExperimentConfig:
    variants = more.pop("variants", [{"name": "control"}, {"name": "new"}])
    return ExperimentConfig.parse({"name": "ranks", "variants": variants, **more})


def people(count, rate, seed=0, kinds=("like",)) -> VariantOutcomes:
    random = np.random.default_rng(seed)
    shown = random.integers(1, 9, (count, len(ENDS)))
    return VariantOutcomes(shown, {kind: random.binomial(shown, rate) for kind in kinds})


def outcomes(mixed=0, pending=0, **variants: VariantOutcomes) -> Outcomes:
    return Outcomes(variants, ENDS, mixed, pending)


def of(report, variant, metric):
    return next(c for c in report.comparisons if (c.variant, c.metric) == (variant, metric))


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    with open_events(tmp_path_factory.mktemp("played")) as events:
        play(events, experiment(), 500, {"control": 0.25, "new": 0.45})
        yield report_on(experiment(), events.outcomes, NOW)


def test_a_true_difference_is_found_in_the_database(played):
    found = of(played, "new", PER_EXPOSURE)
    assert 0.1 < found.bootstrap.low < found.bootstrap.high < 0.3
    assert found.welch.low > 0 and found.anytime.low > 0
    assert found.anytime.low < found.welch.low
    assert found.relative == pytest.approx(0.8, abs=0.4)
    assert played.mismatch > 0.001
    assert (played.mixed, played.pending) == (0, 0)
    control, new = played.variants
    assert control.people + new.people == 500
    assert control.exposures == control.people * 6
    rate = new.metrics["like rate"]
    assert rate == new.metrics[PER_EXPOSURE]  # a like is worth 1, and nothing else counts


def test_the_history_ends_where_the_report_stands(played):
    last = played.history[-1]
    assert last.end == played.end
    for variant in played.variants:
        assert last.values[variant.name] == variant.metrics[PER_PERSON]
    assert last.differences["new"] == of(played, "new", PER_PERSON).welch
    widths = [one.differences["new"].high - one.differences["new"].low for one in played.history]
    assert played.start == START and played.end <= START + timedelta(days=DAYS)
    assert len(widths) == 14


def test_the_picture_is_drawn_even_where_there_is_nothing_to_see(played, tmp_path):
    for number, report in enumerate(
        (played, summarised(experiment(), outcomes(control=people(1, 0.5)), START))
    ):
        file = plot(report, tmp_path / "made" / f"{number}.png")
        with Image.open(file) as picture:
            assert picture.size[0] > 1000


def test_what_is_just_shown_waits(tmp_path):
    with open_events(tmp_path) as events:
        with pytest.raises(NotFound, match="nothing was shown in experiment 'ranks' yet"):
            report_on(experiment(), events.outcomes, NOW)
        play(events, experiment(), 20, {"control": 0.5, "new": 0.5})
        with pytest.raises(NotFound, match="120 exposures wait"):
            report_on(experiment(window_hours=24 * 90), events.outcomes, NOW)
        early = START + timedelta(days=5)
        report = report_on(experiment(), events.outcomes, early)
        assert report.pending > 0 and report.end == early
        assert any("aren't counted yet" in caution for caution in report.cautions)


def test_values_weigh_kinds_and_unnamed_kinds_are_shown_and_worth_nothing():
    shown = np.array([[2, 2], [4, 0]])
    hits = {
        "like": np.array([[1, 0], [2, 0]]),
        "hide": np.array([[0, 1], [1, 0]]),
        "view": np.array([[2, 2], [4, 0]]),
    }
    found = outcomes(control=VariantOutcomes(shown, hits), new=VariantOutcomes(shown, hits))
    report = summarised(experiment(values={"like": 2, "hide": -1}), found, START)
    metrics = report.variants[0].metrics
    assert metrics[PER_PERSON].value == pytest.approx((1 + 3) / 2)
    assert metrics[PER_EXPOSURE].value == pytest.approx(4 / 8)
    assert metrics["like rate"].value == pytest.approx(3 / 8)
    assert metrics["view rate"].value == 1
    assert of(report, "new", PER_PERSON).bootstrap.value == 0


def cautions(found: Outcomes, **settings) -> str:
    return "\n".join(summarised(experiment(**settings), found, START).cautions)


def test_each_reason_for_doubt_is_told_and_none_without_reason():
    fair = {"control": people(200, 0.3), "new": people(200, 0.6, 1)}
    assert cautions(outcomes(**fair), people=200) == ""
    assert "No planned size is set" in cautions(outcomes(**fair))
    assert "200 of 300 people in 'control'" in cautions(outcomes(**fair), people=300)
    assert "7 people were shown more than one" in cautions(outcomes(mixed=7, **fair), people=200)
    assert "5 exposures of the last 24 hours" in cautions(outcomes(pending=5, **fair), people=9)
    lossy = {"control": people(200, 0.3), "new": people(100, 0.3)}
    assert "doesn't fit the weights (control 200, new 100" in cautions(outcomes(**lossy), people=9)
    few = {"control": people(20, 0.3), "new": people(20, 0.3)}
    assert "20 people: too few" in cautions(outcomes(**few), people=9)
    like = {"control": people(200, 0.3), "new": people(200, 0.31, 1)}
    assert "'new' isn't told from the control" in cautions(outcomes(**like), people=9)
    three = [{"name": name} for name in ("control", "new", "newer")]
    found = outcomes(newer=people(200, 0.6, 2), **fair)
    assert "2 variants are compared" in cautions(found, people=9, variants=three)


def test_a_variant_that_nobody_saw_has_no_figures_and_breaks_nothing():
    report = summarised(experiment(), outcomes(control=people(50, 0.3)), START)
    assert report.variants[1].people == 0
    found = of(report, "new", PER_PERSON)
    assert math.isnan(found.bootstrap.value) and math.isnan(found.anytime.low)
    assert "doesn't fit the weights" in "\n".join(report.cautions)


def test_a_shadow_variant_is_in_no_comparison():
    three = [{"name": name} for name in ("beside", "control", "new")]
    chosen = experiment(variants=three, shadow=["beside"])
    found = outcomes(control=people(50, 0.3), new=people(50, 0.3))
    report = summarised(chosen, found, START)
    assert report.control == "control"
    assert {one.variant for one in report.comparisons} == {"new"}
    assert json.dumps(asdict(report), default=str)
