"""Which versions of the index are of no more use once another was put into use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from recsys.config import IndexConfig
from recsys.versions import Version


def outlived(
    versions: Sequence[Version],
    live: Version,
    before: Version | None,
    made: Mapping[Version, datetime],
    config: IndexConfig,
) -> list[Version]:
    """The versions to drop.

    The live one stays, and the one that it replaces: readers that began before are in it, and it is
    what a rollback returns to.

    Args:
        versions: the complete ones, newest first.
        live: the one that was put into use just now.
        before: the one that was live until then, if there was one.
        made: when each was made; unknown of those of an older release, which have no age.
        config: how many are kept, and for how long.
    """
    first = [version for version in (live, before) if version]
    others = [version for version in versions if version not in first]
    dropped = others[max(0, config.keep_versions - len(first)) :]
    if config.keep_days is not None:
        oldest = datetime.now(UTC) - timedelta(days=config.keep_days)
        dropped += [one for one in others if one not in dropped and made.get(one, oldest) < oldest]
    return dropped
