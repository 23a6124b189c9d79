"""Forgetting, for the commands: where the places are, and the list that training reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from training.data.forgotten import FILE
from training.errors import Unavailable

if TYPE_CHECKING:
    from infra.product import ProductConfig
    from recsys.forgetting.keeper import Places


def places_of(config: "ProductConfig", folders: Sequence[Path] = ()) -> "Places":
    """The places of a configuration.

    Args:
        config: of the product.
        folders: others with files that commands wrote, such as those of `--to`.
    """
    from recsys.forgetting.keeper import Places

    return Places(config.workspace, config.events, config.index, config.tracking, tuple(folders))


def bring_list(config: "ProductConfig") -> int:
    """Bring `forgotten.txt` up to what the event database has forgotten; how many are on it.

    The service deletes there, too. Without a database nothing was forgotten.

    Raises: Unavailable if the database doesn't answer and there is no list from before either.
    """
    if "://" not in config.events.url and not (config.workspace / config.events.url).exists():
        return 0
    from recsys.events.engine import open_engine
    from recsys.forgetting.tombstones import write_list

    try:
        engine = open_engine(config.events, config.workspace)
    except Unavailable as error:
        if (config.workspace / FILE).exists():
            return 0  # a job on a machine that reaches no database was given a list
        raise Unavailable(
            f"who was forgotten can't be read: {error.message}",
            hint="or write the list where the database is: commonspace forget list --to FILE, "
            f"and put it into the workspace as {FILE}",
        ) from None
    try:
        return write_list(engine, config.workspace)
    finally:
        engine.dispose()
