"""`commonspace keys`: API keys, and what they may do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.options import AsJson, ConfigFile, Overrides, Workspace, configuration
from infra.cli.output import note, results, table

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from serving.security.keys import Key, KeyStore

app = typer.Typer(
    name="keys",
    help="API keys of `commonspace serve`, and what they may do.",
    no_args_is_help=True,
)
_ONCE = "keep the key: only its digest is stored, and nobody can show it again"
KeyId = Annotated[str, typer.Argument(metavar="ID", help="As `commonspace keys list` shows it.")]


@app.command()
def create(
    name: Annotated[str, typer.Option("--name", help="Whose it is, or what for.")],
    scopes: Annotated[
        list[str],
        typer.Option("--scope", help="What it may do: read, write or admin. Repeatable."),
    ],
    expires_days: Annotated[
        float | None, typer.Option("--expires-days", help="Refused after this; never if none.")
    ] = None,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, once.

    \b
    Examples:
      commonspace keys create --name shop --scope read
      commonspace keys create --name importer --scope read --scope write --expires-days 90
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        from serving.security.keys import scope_named

        lifetime = None if expires_days is None else _days(expires_days)
        with _keys(settings) as keys:
            made, key = keys.create(name, [scope_named(one) for one in scopes], lifetime=lifetime)
        note(_ONCE)
        show(_as_dict(made) | {"key": key}, text=key)


@app.command("list")
def list_keys(
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """List all keys, the latest first, the revoked ones too.

    \b
    Examples:
      commonspace keys list
      commonspace keys list --json
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        with _keys(settings) as keys:
            found = keys.list()
        show(
            [_as_dict(key) for key in found],
            text=table(("id", "name", "scopes", "state", "created"), [_row(key) for key in found])
            if found
            else "there is no key yet: commonspace keys create --name NAME --scope read",
        )


@app.command()
def rotate(
    key_id: KeyId,
    grace_hours: Annotated[
        float, typer.Option("--grace-hours", min=0, help="The old secret works for so long.")
    ] = 24,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Give a key a new secret and print it, once; the old one works for a day beside it.

    \b
    Examples:
      commonspace keys rotate k3xm09ab2c4d
      commonspace keys rotate k3xm09ab2c4d --grace-hours 0
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        with _keys(settings) as keys:
            changed, key = keys.rotate(key_id, grace=_days(grace_hours / 24))
        note(_ONCE)
        show(_as_dict(changed) | {"key": key}, text=key)


@app.command()
def revoke(
    key_id: KeyId,
    config: ConfigFile = None,
    overrides: Overrides = None,
    workspace: Workspace = None,
    as_json: AsJson = False,
) -> None:
    """Refuse a key from now on; a running server follows within seconds.

    \b
    Examples:
      commonspace keys revoke k3xm09ab2c4d
    """
    settings = configuration(config, overrides, workspace)
    with results(as_json) as show:
        with _keys(settings) as keys:
            revoked = keys.revoke(key_id)
        show(_as_dict(revoked), text=f"key {revoked.key_id} of {revoked.name} is revoked")


@contextmanager
def _keys(settings: "ProductConfig") -> "Iterator[KeyStore]":
    from serving.security.keys import KeyStore

    with KeyStore(settings.events, settings.workspace) as keys:
        yield keys


def _days(days: float) -> timedelta:
    from training.errors import BadConfig

    try:
        return timedelta(days=days)
    except (OverflowError, ValueError):
        raise BadConfig(f"{days} days are no time that can be waited for") from None


def _row(key: "Key") -> tuple[object, ...]:
    created = f"{key.created_at.astimezone():%Y-%m-%d %H:%M}"
    return (key.key_id, key.name, ", ".join(sorted(key.scopes)), _state(key), created)


def _state(key: "Key") -> str:
    from datetime import UTC, datetime

    if key.revoked_at is not None:
        return "revoked"
    if not key.is_good(datetime.now(UTC)):
        return "expired"
    return f"until {key.expires_at.astimezone():%Y-%m-%d}" if key.expires_at else "good"


def _as_dict(key: "Key") -> dict[str, Any]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": _state(key),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
