"""The encoders that install as packages: are they there, with the files that we tested with."""

from collections.abc import Iterator

from infra.checks.check import Check, Status
from training.errors import CommonspaceError


def look() -> Iterator[Check]:
    """One check for each packaged encoder; hashing its files takes a moment."""
    from training.encoders.packaged import EFFICIENTNET, MINILM

    for package in (EFFICIENTNET, MINILM):
        name = package.distribution.partition("==")[0]
        try:
            package.verified()
        except CommonspaceError as error:
            yield Check("encoder", name, Status.FAIL, error.message, error.hint)
        else:
            yield Check("encoder", name, Status.OK, f"sha256 {package.digest[:12]}… as pinned")
