"""Panels of a Grafana dashboard, from what changes between them: title, question, unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
_SCHEMA = 39


@dataclass(frozen=True)
class Query:
    """One question of a panel.

    Attributes:
        expr: in PromQL.
        legend: of each series, with its labels in braces.
    """

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One picture.

    Attributes:
        title: what it shows.
        queries: what it asks.
        unit: as Grafana names it.
        why: what to look for.
        kind: `timeseries`, or `stat` for the value of now.
        most: upper end of the axis, if it has one.
    """

    title: str
    queries: Sequence[Query]
    unit: str = "short"
    why: str = ""
    kind: str = "timeseries"
    most: float | None = None


@dataclass(frozen=True)
class Variable:
    """What may be chosen at the top: all values of a label.

    Attributes:
        name: in queries, after a dollar sign.
        metric: whose label.
        label: which; the name if empty.
    """

    name: str
    metric: str
    label: str = ""


def dashboard(
    uid: str,
    title: str,
    rows: dict[str, Sequence[Panel]],
    variables: Sequence[Variable] = (),
) -> dict[str, Any]:
    """The document that Grafana reads.

    Args:
        uid: by which links find it.
        title: what people see.
        rows: panels by the heading above them.
        variables: beside the data source, which can always be chosen.
    """
    panels, numbers, top = list[dict[str, Any]](), count(1), 0
    for heading, group in rows.items():
        panels.append(_heading(heading, next(numbers), top))
        top += 1
        for place, panel in enumerate(group):
            line, column = divmod(place, _COLUMNS // _WIDTH)
            at = {"x": column * _WIDTH, "y": top + line * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
            panels.append(_panel(panel, next(numbers), at))
        top += -(-len(group) // (_COLUMNS // _WIDTH)) * _HEIGHT
    return {
        "uid": uid,
        "title": title,
        "tags": ["commonspace"],
        "schemaVersion": _SCHEMA,
        "version": 1,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "graphTooltip": 1,
        "annotations": {"list": []},
        "links": [],
        "templating": {"list": [_data_source(), *map(_variable, variables)]},
        "panels": panels,
    }


def _heading(title: str, number: int, top: int) -> dict[str, Any]:
    at = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": at,
        "panels": [],
    }


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    limits = {"min": 0} | ({} if panel.most is None else {"max": panel.most})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.why,
        "datasource": _SOURCE,
        "gridPos": at,
        "fieldConfig": {"defaults": {"unit": panel.unit, **limits}, "overrides": []},
        "options": _OPTIONS[panel.kind],
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "range": panel.kind != "stat",
                "instant": panel.kind == "stat",
            }
            for place, query in enumerate(panel.queries)
        ],
    }


_OPTIONS: dict[str, Any] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "value_and_name",
        "colorMode": "value",
    },
}


def _data_source() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "hide": 0,
    }


def _variable(variable: Variable) -> dict[str, Any]:
    query = f"label_values({variable.metric}, {variable.label or variable.name})"
    return {
        "name": variable.name,
        "label": variable.name,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": variable.name},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "sort": 1,
        "hide": 0,
        "current": {"selected": True, "text": "All", "value": "$__all"},
    }
