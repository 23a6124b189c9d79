"""`commonspace models`: the registered models, and which of them is in use."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import results, table

if TYPE_CHECKING:
    from training.tracking.versions import ModelVersion

app = typer.Typer(
    name="models",
    help="Registered models; the one with the alias `champion` is in use.",
    no_args_is_help=True,
)


@app.command("list")
def list_models(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List all versions, the newest first.

    \b
    Examples:
      commonspace models list
      commonspace models list --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.product import open_tracking
        from training.tracking.versions import list_models

        found = list_models(open_tracking(settings))
        metric = settings.tracking.gate.metric
        show(
            [_as_dict(model) for model in found],
            text=table(
                ("version", "aliases", metric, "data", "created", "why"),
                [_row(model, metric) for model in found],
            )
            if found
            else "no model is registered yet: commonspace train",
        )


@app.command()
def show(
    model: Annotated[str, typer.Argument(metavar="VERSION", help="A number or an alias.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Show a version, its metrics, and what it came from.

    \b
    Examples:
      commonspace models show champion
      commonspace models show 3 --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.product import open_tracking
        from training.tracking.versions import show_model

        found = show_model(open_tracking(settings), model)
        show(_as_dict(found), text=_page(found))


@app.command()
def promote(
    version: Annotated[int, typer.Argument(metavar="VERSION")],
    reason: Annotated[str, typer.Option("--reason", help="Kept with the version.")],
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a version the champion by hand.

    Whatever its metrics. `commonspace index` brings it into use.

    \b
    Examples:
      commonspace models promote 3 --reason "better for new people"
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.product import open_tracking
        from training.tracking.gate import promote

        champion = promote(open_tracking(settings), version, reason=reason)
        show(_as_dict(champion), text=f"version {champion.version} is the champion")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option("--reason", help="Kept with the version.")] = "rollback",
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the champion before the present one.

    \b
    Examples:
      commonspace models rollback --reason "complaints about version 4"
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from infra.product import open_tracking
        from training.tracking.gate import rollback

        champion = rollback(open_tracking(settings), reason=reason)
        show(_as_dict(champion), text=f"version {champion.version} is the champion again")


def _row(model: "ModelVersion", metric: str) -> tuple[object, ...]:
    from training.tracking.metrics_log import metric_name

    return (
        model.version,
        ", ".join(model.aliases),
        model.metrics.get(metric_name(metric)),
        model.data_digest[:12],
        f"{model.created.astimezone():%Y-%m-%d %H:%M}",
        model.reason,
    )


def _page(model: "ModelVersion") -> str:
    lines = [
        f"{name.replace('_', ' '):<16}{', '.join(value) if isinstance(value, list) else value}"
        for name, value in _as_dict(model).items()
        if name != "metrics" and value not in (None, [], "")
    ]
    metrics = [f"  {name:<32}{value:.4f}" for name, value in sorted(model.metrics.items())]
    return "\n".join([*lines, "metrics", *metrics])


def _as_dict(model: "ModelVersion") -> dict[str, Any]:
    return asdict(model) | {
        "aliases": list(model.aliases),
        "created": model.created.isoformat(),
    }
