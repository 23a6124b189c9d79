"""`commonspace doctor`: what is installed, which devices there are, which services answer."""

from dataclasses import asdict

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, table


def doctor(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Look at machine, packages, encoders and services.

    Changes nothing and starts nothing. Exit code 1 if something fails that a command needs.

    \b
    Examples:
      commonspace doctor
      MLFLOW_TRACKING_URI=http://mlflow:5000 commonspace doctor --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.checks import encoders, machine, packages, services
        from infra.checks.check import Status

        checks = [
            *machine.look(settings.workspace, settings.ray),
            *packages.look(),
            *encoders.look(),
            *services.look(settings),
        ]
        rows = [(c.status.upper(), c.area, c.name, c.found, c.hint) for c in checks]
        show(
            [asdict(check) for check in checks],
            text=table(("status", "area", "name", "found", "what to do"), rows),
        )
    if any(check.status is Status.FAIL for check in checks):
        raise typer.Exit(1)
