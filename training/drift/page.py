"""The drift page: one HTML file that holds all it needs and asks for nothing."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from training.drift.pictures import cloud, distributions, effects
from training.drift.report import DriftReport, Placed
from training.drift.shift import Shift
from training.errors import BadConfig
from training.report.html import Markup, join, tag
from training.report.page import POLICY
from training.report.pictures import drawing
from training.report.style import CSS
from training.report.tables import facts, table

FILE = "drift.html"


def write_page(report: DriftReport, path: Path, placed: Placed | None = None) -> Path:
    """Write the page, whole or not at all. Raises: BadConfig if `path` is a folder."""
    if path.is_dir():
        raise BadConfig(f"{path} is a folder", hint=f"name a file in it: {path / FILE}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_text(page(report, placed), encoding="utf-8")
    os.replace(draft, path)
    return path


def page(report: DriftReport, placed: Placed | None = None) -> str:
    """The HTML. Words and tags of posts stand in it, as shares of many; ids of people do not."""
    title = f"Commonspace drift: {report.reference[:12]} → {report.current[:12]}"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Markup(CSS)),
    )
    body = tag("body", tag("header", tag("h1", title)), tag("main", *_sections(report, placed)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _sections(report: DriftReport, placed: Placed | None) -> list[Markup]:
    everything = [*report.data, *report.space]
    with tempfile.TemporaryDirectory() as folder:
        overview = drawing(effects(everything, Path(folder, "effects.png")), width=1100)
        shares = drawing(distributions(everything, Path(folder, "shares.png")))
        points = drawing(cloud(placed, Path(folder, "cloud.png")), width=1100) if placed else None
    sections = [
        _section(
            "Verdict",
            tag("p", report.verdict(), class_="notice"),
            _picture(overview, "How far each thing moved, as a multiple of its threshold."),
            tag(
                "p",
                "A thing has drifted if it moved beyond its threshold, an effect size, and beyond "
                "what random deals of the same people into two groups give (their mean and four "
                "standard deviations).",
                class_="soft",
            ),
        ),
        _section("Counts", _counts(report)),
        _section("Data", _shifts("All posts, then and now", report.data)),
    ]
    if report.arrivals:
        caption = f"The {report.new_posts:,} new posts beside all posts then"
        sections.append(_section("New posts", _shifts(caption, report.arrivals)))
    if report.space:
        shown = f"In the space of model version {report.model}"
        sections.append(
            _section(
                "Space",
                _shifts(shown, report.space),
                _picture(points, "Posts on the principal components of the posts then."),
            )
        )
    sections.append(_section("Distributions", _picture(shares, "Shares then and now.")))
    return sections


def _section(title: str, *inner: Markup) -> Markup:
    return tag("section", tag("h2", title), *inner)


def _counts(report: DriftReport) -> Markup:
    rows = [
        (name, f"{before:,}", f"{after:,}", f"{after / before - 1:+.1%}" if before else "")
        for name, (before, after) in report.counts.items()
    ]
    bad = report.quarantined
    rows.append(("bad rows", f"{bad[0]:.2%}", f"{bad[1]:.2%}", f"{bad[1] - bad[0]:+.2%}"))
    snapshots = [("data then", report.reference), ("data now", report.current)]
    return join(
        [table("Rows", ("table", "then", "now", "change"), rows), facts("Snapshots", snapshots)]
    )


def _shifts(caption: str, shifts: Sequence[Shift]) -> Markup:
    rows = [
        (
            each.name,
            str(each.level),
            f"{each.effect:.3f}",
            f"{each.threshold:g}",
            f"{each.chance:.3f}",
            join([each.measure, tag("small", _figures(each)) if each.figures else None]),
            each.said,
        )
        for each in shifts
    ]
    head = ("what", "drift", "effect", "threshold", "by chance", "measure", "what moved")
    return table(caption, head, rows)


def _figures(shift: Shift) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in shift.figures.items())


def _picture(uri: str | None, caption: str) -> Markup:
    if uri is None:
        return Markup("")
    image = tag("img", src=uri, alt=caption)
    return tag("figure", image, tag("figcaption", caption), class_="drawing chart", tabindex=0)
