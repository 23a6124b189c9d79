"""An answer that knows by which variants it came about, and what is to be logged of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from recsys.events.exposures import Exposure
from recsys.events.shadows import Shadow
from recsys.events.tombstones import digest
from recsys.experiments.assignment import Assignment


class Recommended(Protocol):
    """A post in an answer, of which this is logged; see `recsys.answers.Recommendation`."""

    @property
    def post_id(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def sources(self) -> tuple[str, ...]: ...
    @property
    def propensity(self) -> float: ...
    @property
    def explored(self) -> bool: ...


class Answer(Protocol):
    """Posts for a person, best first; see `recsys.recommend.Recommendations`."""

    @property
    def model_version(self) -> str: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Recommended]: ...


@dataclass(frozen=True)
class ExperimentalAnswer:
    """An answer, and by which variants it came about.

    Attributes:
        user_id: whose.
        recommendations: as the variants' recommender gave them.
        k: how many were asked for.
        assignments: the person's part in each experiment that shaped this answer.
        beside: computes a shadow variant's answer to the same question.
    """

    user_id: str
    recommendations: Answer
    k: int
    assignments: tuple[Assignment, ...]
    beside: Callable[[Assignment], Answer | None]

    @property
    def experiment(self) -> str | None:
        """The first experiment that the person is in, if any."""
        return self.assignments[0].experiment.name if self.assignments else None

    @property
    def variant(self) -> str | None:
        """Theirs in that experiment."""
        return self.assignments[0].variant.name if self.assignments else None

    def exposures(
        self, start: int = 0, count: int | None = None, *, request_id: str, now: datetime
    ) -> list[Exposure]:
        """The log of what of this was really shown, to be handed to `events.exposures.add`.

        A person in experiments of several layers gives a row for each; one in none a row without.

        Args:
            start: places that were passed over.
            count: places that were shown at most; None: all further ones.
            request_id: of the answer that was shown; the same rows again have the same ids.
            now: with its zone.
        """
        parts = [(one.experiment.name, one.variant.name) for one in self.assignments]
        return [
            Exposure(
                exposure_id=digest(request_id, experiment or "", str(position), one.post_id),
                request_id=request_id,
                user_id=self.user_id,
                post_id=one.post_id,
                position=position,
                k=self.k,
                score=one.score,
                propensity=one.propensity,
                explored=one.explored,
                experiment=experiment,
                variant=variant,
                model_version=self.recommendations.model_version,
                sources=one.sources,
                shown_at=now,
            )
            for experiment, variant in parts or [(None, None)]
            for position, one in _page(self.recommendations, start, count)
        ]

    def shadows(
        self, start: int = 0, count: int | None = None, *, request_id: str, now: datetime
    ) -> list[Shadow]:
        """What the shadow variants of the person's experiments would have shown instead.

        They are computed now, which takes as long as so many answers: call it when the answer is
        out. It raises nothing; a variant that fails is counted and left out. Arguments as of
        `exposures`.
        """
        return [
            Shadow(
                request_id=request_id,
                experiment=assignment.experiment.name,
                variant=variant.name,
                position=position,
                user_id=self.user_id,
                post_id=one.post_id,
                score=one.score,
                propensity=one.propensity,
                model_version=answer.model_version,
                computed_at=now,
            )
            for assignment in self.assignments
            for variant in assignment.experiment.shadows
            if (answer := self.beside(Assignment(assignment.experiment, variant))) is not None
            for position, one in _page(answer, start, count)
        ]


def _page(answer: Answer, start: int, count: int | None) -> Iterator[tuple[int, Recommended]]:
    end = len(answer) if count is None else start + count
    return ((position, one) for position, one in enumerate(answer) if start <= position < end)
