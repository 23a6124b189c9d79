"""The dashboards' questions, asked of a real Prometheus that reads real pages by our settings."""

import json
import math
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import yaml

from infra.monitoring import dashboards, render
from infra.monitoring.render import Prometheus, panels_of, variables_of
from tests.infra.monitoring.watched import nobody_is_champion, watched_service
from training import measures
from training.data.report import CheckReport, TableReport
from training.ray_recorder import RayRecorder
from training.recorder import Recorder
from training.watching import Watch, tell_data

FOLDER = Path(dashboards.__file__).parent
FILES = sorted(dashboards.FOLDER.glob("*.json"))
LOADED = {file.name: json.loads(file.read_text(encoding="utf-8")) for file in FILES}
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="Prometheus isn't installed here (Debian: apt install prometheus)",
)


def report_of(tables: dict[str, TableReport]) -> CheckReport:
    """Of these tables, and nothing else."""
    return CheckReport(
        tables=tables,
        people=1,
        authors_by_posts={},
        posts_without_text=0,
        posts_without_image=0,
        posts_without_date=0,
        private_posts=0,
        ignored_columns={},
        examples=(),
    )


def tell_training(recorder: Recorder) -> None:
    """What the workers, the controller and the driver of a run tell."""
    watch = Watch("first", "a1b2", epochs=9)
    report = watch.reporting(lambda metrics, state: None, recorder)
    metrics = {
        "loss/user_text": 0.5,
        "validation/score": 0.7,
        "train/samples_per_second": 90.0,
        "train/data_wait_share": 0.02,
    }
    report(metrics, SimpleNamespace(progress=SimpleNamespace(epoch=4)))  # type: ignore[arg-type]
    watch.restarts(recorder).after_report(None, [], None)  # type: ignore[arg-type]
    found = TableReport(read=3, kept=2, reasons={"duplicate": 1})
    tell_data(report_of({"posts": found}), recorder)


@pytest.fixture(scope="module")
def prometheus(ray_session: None, tmp_path_factory) -> Iterator[Prometheus]:
    """Prometheus by `prometheus.yml`, reading a service and this Ray's agent each second."""
    import ray

    folder = tmp_path_factory.mktemp("watched")
    tell_training(RayRecorder())
    node = ray.nodes()[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.tracking.versions.show_model", nobody_is_champion)
        with watched_service(folder) as url:
            agent = f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"
            config = settings(url.removeprefix("http://"), agent, folder)
            with started(config, folder) as address:
                yield Prometheus(address, seconds=30, rate="6s")


def settings(service: str, agent: str, folder: Path) -> Path:
    """Our own settings with other addresses and a shorter interval."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {name: "1s" for name in config["global"]}
    config["rule_files"] = [str(FOLDER / "alerts.yml")]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert set(jobs) == {"commonspace", "ray"}
    jobs["commonspace"]["static_configs"] = [{"targets": [service]}]
    del jobs["ray"]["file_sd_configs"]
    jobs["ray"]["static_configs"] = [{"targets": [agent]}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


class started:
    """A Prometheus on a free port of this machine, until the `with` ends."""

    def __init__(self, config: Path, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._at = f"127.0.0.1:{probe.getsockname()[1]}"
        self._log = (folder / "prometheus.log").open("w")
        self._command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address={self._at}",
        ]

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, stdout=self._log, stderr=subprocess.STDOUT)
        return f"http://{self._at}"

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()


def eventually(found, seconds: float = 40.0):
    """What `found` returns once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if result := found():
                return result
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.3)


@needs_prometheus
def test_every_panel_of_both_dashboards_has_data(prometheus: Prometheus, tmp_path: Path):
    eventually(lambda: requests.get(f"{prometheus.url}/-/ready", timeout=5).ok)
    asked = {
        (name, panel["title"], target["refId"]): target["expr"]
        for name, dashboard in LOADED.items()
        for panel in panels_of(dashboard)
        for target in panel["targets"]
    }
    variables = {name: variables_of(dashboard) for name, dashboard in LOADED.items()}
    lacking = dict(asked)

    def all_answered() -> bool:
        for key, expr in list(lacking.items()):
            series = prometheus.ask(expr, variables=variables[key[0]])
            if any(math.isfinite(float(v)) for one in series for _, v in one["values"]):
                del lacking[key]
        return not lacking

    try:
        eventually(all_answered)
    except AssertionError:
        pytest.fail(f"no data for {sorted(lacking)}")
    for name, dashboard in LOADED.items():
        picture = tmp_path / f"{name}.png"
        render.draw(dashboard, prometheus, picture)
        assert picture.stat().st_size > 20_000


@needs_prometheus
def test_variables_offer_what_there_is(prometheus: Prometheus):
    def values(label: str, metric: str) -> list[str]:
        address = f"{prometheus.url}/api/v1/label/{label}/values"
        return requests.get(address, params={"match[]": metric}, timeout=5).json()["data"]

    for dashboard in LOADED.values():
        for one in dashboard["templating"]["list"]:
            if one["type"] == "query":
                metric, _, label = one["definition"].removeprefix("label_values(").partition(", ")
                assert eventually(lambda m=metric, n=label: values(n.rstrip(")"), m))
    assert values("run", measures.EPOCH.name) == ["first"]


@needs_prometheus
def test_labels_are_few_and_name_nobody(prometheus: Prometheus):
    eventually(lambda: prometheus.ask("commonspace_sql_seconds_count", variables={}))
    series = prometheus.ask('{__name__=~"commonspace_.+"}', variables={})
    assert series
    values = {value for one in series for value in one["metric"].values()}
    for word in ("person", "post/", "newcomer", "nobody", "boat", "ann"):
        assert not [value for value in values if value.startswith(word) and "{" not in value]
    names = {name for one in series for name in one["metric"]}
    assert not {"otel_scope_name", "SessionName", "Version"} & names
    jobs = {one["metric"]["__name__"]: one["metric"]["job"] for one in series}
    doubled = [one for one in series if one["metric"]["job"] != jobs[one["metric"]["__name__"]]]
    assert not doubled  # no figure is read at two places


@needs_prometheus
def test_alarms_are_rules_that_prometheus_runs(prometheus: Prometheus):
    def rules() -> list[dict]:
        found = requests.get(f"{prometheus.url}/api/v1/rules", timeout=5).json()["data"]["groups"]
        listed = [rule for group in found for rule in group["rules"]]
        return listed if all(rule["health"] == "ok" for rule in listed) else []

    assert len(eventually(rules)) == len(alarms())


@needs_prometheus
@pytest.mark.parametrize(
    "command",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ],
    ids=" ".join,
)
def test_prometheus_own_tool_agrees(command: list[str]):
    done = subprocess.run(
        ["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def alarms() -> dict[str, dict]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def test_each_alarm_leads_to_what_to_do():
    found = alarms()
    operations = FOLDER.parent.parent / "docs" / "operations.md"
    headings = operations.read_text(encoding="utf-8").splitlines() if operations.exists() else None
    for name, rule in found.items():
        assert rule["annotations"]["summary"] and rule["labels"]["severity"]
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
        if headings is not None:
            assert any(one.startswith("#") and one.strip("# ") == name for one in headings), name


def test_dashboards_are_as_their_source_makes_them():
    assert {file.name: file.read_text(encoding="utf-8") for file in FILES} == dashboards.written()


def test_dashboards_are_such_as_grafana_takes():
    assert len({dashboard["uid"] for dashboard in LOADED.values()}) == len(LOADED) == 2
    for dashboard in LOADED.values():
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)
        source, *others = dashboard["templating"]["list"]
        assert (source["name"], source["type"], source["query"]) == (
            "datasource",
            "datasource",
            "prometheus",
        )
        for one in [*panels_of(dashboard), *others]:
            assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for panel in panels_of(dashboard):
            refs = [target["refId"] for target in panel["targets"]]
            assert refs and len(set(refs)) == len(refs)
        taken = set[tuple[int, int]]()
        for panel in dashboard["panels"]:
            at = panel["gridPos"]
            assert at["x"] + at["w"] <= 24
            cells = {
                (x, y)
                for x in range(at["x"], at["x"] + at["w"])
                for y in range(at["y"], at["y"] + at["h"])
            }
            assert not cells & taken
            taken |= cells


def test_a_dashboard_is_drawn_with_and_without_data(tmp_path: Path):
    class Told(Prometheus):
        def ask(self, expr: str, *, variables) -> list[dict]:
            now = time.time()
            values = [[now - 60 + at, str(at)] for at in range(60)]
            metric = {"run": "first", "le": "1"}
            return [{"metric": metric, "values": values}] if "rate" not in expr else []

    for name, dashboard in LOADED.items():
        picture = tmp_path / f"{name}.png"
        render.draw(dashboard, Told("http://nowhere"), picture)
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_variable_that_is_none_is_an_error():
    assert render.filled('x{a=~"$run"}[$__rate_interval]', {"run": ".*", "__rate_interval": "5s"})
    with pytest.raises(KeyError):
        render.filled("x{a=~'$other'}", {})
