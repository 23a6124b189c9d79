"""`write_report`: from a run to one HTML file, in the run's artifacts too."""

import os
from dataclasses import dataclass
from pathlib import Path

from training.errors import BadConfig
from training.observer import SILENT, Observer
from training.report.content import ReportContent, gather_content
from training.report.page import page
from training.report.run_record import RunRecord
from training.tracking.run import TrackedRun
from training.tracking.server import Tracking

LIMIT = 5_000_000
"""Bytes of a page at most: it is sent by mail, and opened on phones."""
ARTIFACT_FOLDER, FILE = "report", "report.html"
_THUMBNAILS = (160, 112, 80, 48, 24)
"""Longer side of a picture of a post, in pixels; the largest that keeps the limit is taken."""


@dataclass(frozen=True)
class Report:
    """A page that was written.

    Attributes:
        path: of the file.
        bytes: of it.
        run_name: what it reports on.
        run_id: of MLflow, whose artifacts hold the page as `report/report.html`.
    """

    path: Path
    bytes: int
    run_name: str
    run_id: str


def write_report(
    tracking: Tracking, record: RunRecord, to: Path | None = None, observer: Observer = SILENT
) -> Report:
    """Write the page about a run, and log it to the run.

    Args:
        tracking: the server, with the workspace.
        record: the run, see `find_run`.
        to: the file; `report.html` in the run's folder of the workspace if None.
        observer: sees the progress.
    Raises: as `gather_content`; BadConfig if `to` is a folder; Unavailable.
    """
    if to is not None and to.is_dir():
        raise BadConfig(f"{to} is a folder", hint=f"name a file in it: --to {to / FILE}")
    path = to or tracking.workspace / "runs" / record.name / FILE
    html = fitting_page(gather_content(record, tracking, observer)).encode("utf-8")
    _write(path, html)
    observer.stage("Logging the report to MLflow")
    run = TrackedRun(tracking, record.run_id)
    run.log_text(html.decode("utf-8"), f"{ARTIFACT_FOLDER}/{FILE}")
    return Report(path, len(html), record.name, record.run_id)


def fitting_page(content: ReportContent, limit: int = LIMIT) -> str:
    """The page with the largest pictures of posts that keep it below `limit` bytes."""
    html = ""
    for size in _THUMBNAILS:
        html = page(content, thumbnail=size)
        if len(html.encode("utf-8")) <= limit:
            break
    return html


def _write(path: Path, html: bytes) -> None:
    """Whole or not at all: an older report stays until the new one is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(html)
    os.replace(draft, path)
