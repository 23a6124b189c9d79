"""`commonspace drift`: what has moved since the champion was trained."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, table

if TYPE_CHECKING:
    from training.drift.report import DriftReport


def drift(
    against: Annotated[
        str,
        typer.Option(
            "--against",
            metavar="MODEL|FOLDER",
            help="A model's version or alias, for the data it was trained on; or clean data.",
        ),
    ] = "champion",
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="The page; drift/DIGEST.html in the workspace."),
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Compare the configured data with what the champion was trained on, and write a page.

    Texts, tags, languages, activity and reactions, and where posts and people lie in the champion's
    space. A thing has drifted if it moved beyond its threshold (`drift` in the settings) and
    beyond what chance gives.

    \b
    Examples:
      commonspace drift
      commonspace drift --set data.posts=this-week.parquet --to drift.html
      commonspace drift --against build/workspace/data/1f0c… --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.cli.progress import progress
        from infra.drifting import drift_of
        from infra.product import services
        from training.drift.page import write_page

        with services(settings), progress() as observer:
            found = drift_of(settings, against=against, observer=observer)
            name = f"{found.report.current}.html"
            path = write_page(found.report, to or settings.workspace / "drift" / name, found.placed)
        show(
            found.report.to_json() | {"page": str(path)},
            text=f"{shown(found.report)}\n\n{found.report.verdict()}\npage: {path}",
        )


def shown(report: "DriftReport") -> str:
    """All that was compared, as a table for the terminal."""
    from infra.cli.output import shorten

    return table(
        ("what", "drift", "effect", "threshold", "by chance", "what moved"),
        [
            (
                each.name,
                str(each.level),
                each.effect,
                each.threshold,
                each.chance,
                shorten(each.said, 70),
            )
            for each in (*report.data, *report.space)
        ],
    )
