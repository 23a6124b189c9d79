"""Pictures of the dashboards from a Prometheus, to look at them without Grafana.

    python infra/monitoring/render.py --prometheus http://127.0.0.1:9090 --minutes 60 --to build

Draws each panel by its queries, as Grafana would ask them; nothing else of this product is needed.
"""

import argparse
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_POINTS = 240
_SERIES = 12
_PATIENCE_S = 30
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")


@dataclass(frozen=True)
class Series:
    """One line of a panel.

    Attributes:
        name: by the query's legend.
        times: Unix seconds.
        values: as many.
    """

    name: str
    times: list[float]
    values: list[float]


@dataclass(frozen=True)
class Prometheus:
    """Where to ask.

    Attributes:
        url: of the server.
        seconds: how far back.
        rate: window of rates, in place of `$__rate_interval`.
    """

    url: str
    seconds: float = 3600
    rate: str = "1m"

    def ask(self, expr: str, *, variables: Mapping[str, str]) -> list[dict[str, Any]]:
        """The series that a query gives over the time, as Prometheus says them.

        Raises: ValueError with its own words if it doesn't take the query.
        """
        end = time.time()
        asked = {
            "query": filled(expr, {"__rate_interval": self.rate, **variables}),
            "start": end - self.seconds,
            "end": end,
            "step": max(1, round(self.seconds / _POINTS)),
        }
        address = f"{self.url}/api/v1/query_range?{urllib.parse.urlencode(asked)}"
        try:
            with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(f"{asked['query']}: {error.read().decode()}") from None
        return found["data"]["result"]


def filled(expr: str, variables: Mapping[str, str]) -> str:
    """A query with its variables replaced. Raises: KeyError for one that isn't known."""
    return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], expr)


def variables_of(dashboard: Mapping[str, Any]) -> dict[str, str]:
    """Every variable at All."""
    listed = dashboard["templating"]["list"]
    return {one["name"]: one.get("allValue") or "" for one in listed if one["type"] == "query"}


def panels_of(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The panels that show something."""
    return [one for one in dashboard["panels"] if one["type"] != "row"]


def series_of(panel: Mapping[str, Any], asked: list[list[dict[str, Any]]]) -> list[Series]:
    """What the answers to a panel's queries draw."""
    found = []
    for target, answer in zip(panel["targets"], asked, strict=True):
        for one in answer:
            labels = one["metric"]
            legend = target["legendFormat"]
            if legend == "__auto":
                legend = ", ".join(f"{name}={value}" for name, value in labels.items())
            name = _LABEL.sub(lambda label, of=labels: of.get(label[1], ""), legend)
            times = [float(at) for at, _ in one["values"]]
            found.append(Series(name, times, [float(value) for _, value in one["values"]]))
    return found


def draw(dashboard: Mapping[str, Any], prometheus: Prometheus, to: Path) -> None:
    """A PNG of a dashboard, each panel at its place."""
    from matplotlib.figure import Figure

    bottom = max(one["gridPos"]["y"] + one["gridPos"]["h"] for one in dashboard["panels"])
    figure = Figure(figsize=(16, 0.34 * bottom + 0.8), layout=None, dpi=90)
    figure.suptitle(dashboard["title"], x=0.02, y=1 - 0.25 / figure.get_figheight(), ha="left")
    variables = variables_of(dashboard)
    top = 0.7 / figure.get_figheight()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        height = (1 - top) / bottom
        x, y = at["x"] / 24, 1 - top - (at["y"] + at["h"]) * height
        if panel["type"] == "row":
            figure.text(x + 0.01, y, panel["title"], weight="bold", va="bottom")
            continue
        wide, high = at["w"] / 24, at["h"] * height
        box = (x + 0.15 * wide, y + 0.32 * high, 0.8 * wide, 0.53 * high)
        axes = figure.add_axes(box)
        asked = [prometheus.ask(one["expr"], variables=variables) for one in panel["targets"]]
        _panel(axes, panel, series_of(panel, asked))
    figure.savefig(to)


def _panel(axes: Any, panel: Mapping[str, Any], series: Sequence[Series]) -> None:
    from matplotlib.dates import AutoDateLocator

    defaults = panel["fieldConfig"]["defaults"]
    axes.set_title(panel["title"], fontsize=9, loc="left")
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)
    if not series:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes)
        return
    if panel["type"] == "stat":
        said = "\n".join(f"{one.name}: {_said(one.values[-1], defaults['unit'])}" for one in series)
        axes.text(0.02, 0.5, said, va="center", transform=axes.transAxes, fontsize=13)
        axes.set_axis_off()
        return
    for one in series[:_SERIES]:
        moments = [datetime.fromtimestamp(at) for at in one.times]
        axes.plot(
            moments, one.values, linewidth=1.2, label=one.name[:40] or "all", marker=".", ms=2
        )
    axes.set_ylim(bottom=0, top=defaults.get("max"))
    axes.yaxis.set_major_formatter(lambda value, _: _said(value, defaults["unit"]))
    axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=4))
    axes.grid(axis="y", alpha=0.25)
    columns = 4 if len(series) > 3 else max(1, len(series))
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.12, -0.16), ncols=columns, fontsize=6, frameon=False
    )


def _said(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "percent":
        return f"{value:.3g} %"
    if unit == "s":
        if value >= 120:
            return f"{value / 60:.3g} min"
        return f"{1000 * value:.3g} ms" if 0 < value < 1 else f"{value:.3g} s"
    return f"{value:.4g}/s" if unit in ("reqps", "cps") else f"{value:.4g}"


def main() -> None:
    """Draw both dashboards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Plain)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090", metavar="URL")
    parser.add_argument("--minutes", type=float, default=60, help="how far back")
    parser.add_argument("--to", type=Path, default=Path("build"), help="folder of the pictures")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    for file in sorted((Path(__file__).parent / "dashboards").glob("*.json")):
        dashboard = json.loads(file.read_text(encoding="utf-8"))
        picture = given.to / f"{file.stem}.png"
        draw(dashboard, Prometheus(given.prometheus, 60 * given.minutes), picture)
        print(picture)


class _Plain(argparse.RawDescriptionHelpFormatter):
    pass


if __name__ == "__main__":
    main()
