"""How long work tells of itself, without knowing who looks on."""

from collections.abc import Mapping


class Observer:
    """Sees a job's stages, their progress, and epochs; this one keeps silent.

    The command line shows them as bars; see `infra.cli`.
    """

    def stage(self, title: str) -> None:
        """A part of the job begins."""

    def advance(self, what: str, done: int, total: int) -> None:
        """`done` of `total` units of `what` are ready."""

    def epoch(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """An epoch (from 1) of at most `epochs` has ended with these metrics."""

    def note(self, text: str) -> None:
        """Something a person may want to know."""


SILENT = Observer()
