import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from infra.cli.main import app
from infra.sizing.plan import QUANTIZATIONS, SizingConfig, plan, vector_bytes
from infra.sizing.table import amount, count, quantization_table, sizing_table, units_table
from infra.sizing.units import Measured, read_prices, read_units
from recsys.schema import M
from tests.infra.cli.test_main import commands
from training.errors import BadData, NotFound

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "infra" / "monitoring" / "alerts.yml"
RUNBOOK = {
    "ServiceDown",
    "HighErrorRate",
    "SlowRecommendations",
    "RefusingRequests",
    "IndexLagging",
    "IndexDrift",
    "EmptyAnswers",
    "TrainingStalled",
    "WorkerRestarts",
    "DataQuarantined",
    "DataWaitHigh",
    "DiskFilling",
    "MlflowUnreachable",
}
UNITS, PRICES = read_units(), read_prices()


@settings(max_examples=60, deadline=None)
@given(
    posts=st.floats(1e3, 1e10),
    people=st.floats(1e2, 1e8),
    qps=st.floats(0, 1e4),
    index=st.sampled_from(sorted(QUANTIZATIONS)),
    more=st.floats(1, 10),
)
def test_more_of_anything_never_takes_less(posts, people, qps, index, more):
    def cost(**changes) -> tuple[float, ...]:
        asked = {"posts": posts, "people": people, "qps": qps, "index": index}
        found = plan(SizingConfig(**asked | changes), UNITS, PRICES)
        assert all(part.machines >= 1 for part in found.parts)
        # memory may fall where the table of people goes from a copy a machine to shards
        return found.cost_a_month, found.disk_gb, found.machines

    once = cost()
    for changes in ({"posts": posts * more}, {"people": people * more}, {"qps": qps * more}):
        assert all(a <= b * (1 + 1e-9) for a, b in zip(once, cost(**changes), strict=True))


def test_a_case_by_hand():
    config = SizingConfig(posts=1e6, people=1e5, qps=10, pictures=0.5, copies=1, busy=1)
    found = {part.role: part for part in plan(config, UNITS, PRICES).parts}
    vectors = 1e6 * 2.5 + 1e5
    each = 4 * 1536 + UNITS["hnsw_bytes_per_vector"] + UNITS["row_bytes_beside_vector"]
    assert found["vectors"].memory_gb == pytest.approx(vectors * each / 1e9)
    assert found["vectors"].machines == 2  # 16 GB fit one; one more for a failure
    assert found["vectors"].bound_by == "memory"
    question = UNITS["cpu_ms_per_recommendation"] + UNITS["cpu_ms_per_request"]
    question += 0.2 * UNITS["cpu_ms_per_text"]
    assert found["serving"].cpus == pytest.approx(10 * question / 1000)


def test_people_who_fit_no_machine_are_kept_in_shards():
    few = plan(SizingConfig(people=1e5), UNITS, PRICES).parts[0]
    many = plan(SizingConfig(people=1e9), UNITS, PRICES).parts[0]
    assert few.bound_by == "processor" and "shards" in many.bound_by
    assert many.memory_gb >= 2 * 1e9 * UNITS["user_bytes_serving"] / 1e9


def test_what_quantization_saves():
    sizes = {name: vector_bytes(SizingConfig(index=name), UNITS) for name in QUANTIZATIONS}
    assert sizes["HNSW"] > sizes["HNSW_SQ8"] > sizes["IVF_PQ"] >= sizes["DISKANN"]
    assert sizes["HNSW"] == 4 * 1536 + UNITS["hnsw_bytes_per_vector"]
    assert (
        2 * M * 4 <= UNITS["hnsw_bytes_per_vector"] <= 3 * M * 4
    )  # links at the bottom, and above


def test_every_figure_says_where_it_was_measured():
    for unit in UNITS.units.values():
        assert unit.value > 0 and unit.where and unit.how
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", unit.measured)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", PRICES.assumed) and PRICES.note
    with pytest.raises(NotFound, match="nothing"):
        Measured({})["nothing"]


def test_files_that_are_none(tmp_path: Path):
    with pytest.raises(BadData):
        read_units(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text('[{"name": "x"}]')
    with pytest.raises(BadData, match=r"bad\.json"):
        read_units(tmp_path / "bad.json")
    with pytest.raises(BadData):
        read_prices(tmp_path / "bad.json")


def test_amounts_and_counts():
    assert [amount(x) for x in (0.5, 2, 1500, 2.5e6)] == ["500 MB", "2 GB", "1.5 TB", "2.5 PB"]
    assert [count(x) for x in (5, 2000, 3e6, 1e10)] == [
        "5",
        "2 thousand",
        "3 million",
        "10 billion",
    ]


def test_the_command():
    asked = ["sizing", "--posts", "1e8", "--people", "1e7", "--qps", "500", "--json"]
    done = CliRunner().invoke(app, [*asked, "--set", "pictures=0.2"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["assumptions"]["pictures"] == 0.2 and len(found["parts"]) == 5
    assert found["cost_a_month"] > 0
    text = CliRunner().invoke(app, ["sizing", "--posts", "1e6"]).stdout
    assert "if prices are as assumed on" in text and "vectors" in text


def test_its_settings_are_printed_to_be_kept(tmp_path: Path):
    done = CliRunner().invoke(app, ["sizing", "--print-config", "--posts", "1e6"])
    assert done.exit_code == 0
    file = tmp_path / "sizing.yaml"
    file.write_text(done.stdout)
    assert SizingConfig.load(file).posts == 1e6


# the page


def test_the_page_shows_what_the_module_computes():
    page = PAGE.read_text()
    for table in (sizing_table(UNITS, PRICES), units_table(UNITS), quantization_table(UNITS)):
        assert table in page
    assert PRICES.assumed in page and PRICES.note in page


def test_every_alarm_has_its_part_with_what_to_do():
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##)", PAGE.read_text(), re.M | re.S))
    alarms = RUNBOOK
    if ALERTS.exists():
        groups = yaml.safe_load(ALERTS.read_text())["groups"]
        alarms = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
        assert alarms == RUNBOOK
    for alarm in alarms:
        for what in ("Symptom", "First look", "Likely causes", "What to do"):
            assert f"- **{what}**: " in parts[alarm], (alarm, what)


def test_every_command_of_the_page_exists():
    known = {" ".join(command) for command in commands(app)}
    named = re.findall(r"commonspace ((?:[a-z-]+ ?)+)", PAGE.read_text())
    assert len(named) > 40
    for words in named:
        first, *rest = words.split()
        assert first in known or f"{first} {' '.join(rest[:1])}" in known or first == "index", words
