"""Options that many commands share, and the configuration that they add up to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.product import ProductConfig

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="YAML file with settings; see --print-config."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="Override a setting, e.g. loop.epochs=5. Repeatable."
    ),
]
Workspace = Annotated[
    Path | None,
    typer.Option(
        "--workspace", metavar="DIR", help="Folder for all that is made; build/workspace if none."
    ),
]
PrintConfig = Annotated[
    bool, typer.Option("--print-config", help="Print all settings as YAML and do nothing else.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for scripts.")]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="URL",
        help="The cluster's dashboard; RAY_API_SERVER_ADDRESS or http://127.0.0.1:8265 if none.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file", metavar="FILE", help="Holds the cluster's token; or set RAY_AUTH_TOKEN."
    ),
]


def configuration(
    config: Path | None,
    overrides: list[str] | None,
    workspace: Path | None,
    print_config: bool = False,
) -> "ProductConfig":
    """The settings from file, environment and command line, each over the one before.

    With `print_config` they are printed and the command ends. Raises: BadConfig.
    """
    from infra.product import load_config
    from training.logs import open_logs

    settings = load_config(config, overrides or (), workspace)
    if print_config:
        typer.echo(settings.shareable().to_yaml(), nl=False)
        raise typer.Exit
    open_logs(settings.logs)
    return settings
