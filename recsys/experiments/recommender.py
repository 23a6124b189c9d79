"""A recommender that answers every person by their variants."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from recsys.config import RecommendConfig
from recsys.experiments.answer import Answer, ExperimentalAnswer
from recsys.experiments.assignment import Assignment, assignments
from recsys.experiments.config import ExperimentConfig
from recsys.filtering import PostFilter
from recsys.milvus import Vanished
from recsys.versions import Version
from recsys.view import View
from training.errors import Unavailable

log = logging.getLogger(__name__)
_VIEWS_FOR_S = 30
"""So long the versions of the index are believed to be the same."""
_ATTEMPTS = 3


class Recommends(Protocol):
    """What answers by one configuration; see `recsys.recommend.Recommender`."""

    def recommend(
        self,
        user_id: str,
        k: int | None = None,
        *,
        where: PostFilter | None = None,
        view: View | None = None,
    ) -> Answer: ...


class Versions(Protocol):
    """Versions of the index; see `recsys.vectors.VectorStore`."""

    def versions(self) -> list[Version]: ...
    def open(self, version: Version) -> View: ...
    def forget(self) -> None: ...


class ExperimentalRecommender:
    """Answers each person by their variants; threads may share it.

    A variant of another model answers from the newest complete index of that model. While there is
    none, its people are answered as if the experiment weren't, and aren't logged as of it: see
    `counts`.

    Args:
        store: versions of the index.
        make: a recommender for a configuration; called once for each that is met.
        base: what variants override.
        experiments: all of them, checked together.
        version_of: the version that a model's alias stands for; versions as they are.
        clock: the time, with its zone.
    """

    def __init__(
        self,
        store: Versions,
        make: Callable[[RecommendConfig], Recommends],
        base: RecommendConfig,
        experiments: Sequence[ExperimentConfig],
        *,
        version_of: Callable[[str], str] = str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._make, self._base = store, make, base
        self._experiments, self._version_of, self._clock = tuple(experiments), version_of, clock
        self._made: dict[tuple[str, ...], _Made] = {}
        self._views: dict[str, tuple[float, View | None]] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()

    @property
    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """By experiment, variant and what: `shadowed`, `failed` (a shadow), `unserved` (no index
        of the variant's model).
        """
        return dict(self._counts)

    def recommend(
        self,
        user_id: str,
        k: int | None = None,
        *,
        where: PostFilter | None = None,
        view: View | None = None,
    ) -> ExperimentalAnswer:
        """Posts for a person, by their variants.

        Args: as of `Recommender.recommend`; a variant of another model takes its own view.
        Raises: as `Recommender.recommend`.
        """
        question = _Question(user_id, k, where, view)
        for _ in range(_ATTEMPTS):
            served = self._served(user_id)
            try:
                answer = self._answer(question, served)
            except Vanished:
                if all(one.variant.model is None for one in served):
                    raise  # the view is the caller's, to be renewed by them
                self._store.forget()
                self._views.clear()
            else:
                break
        else:
            raise Unavailable("the index changes too fast to be read; try again")

        def beside(shadow: Assignment) -> Answer | None:
            others = [one for one in served if one.experiment != shadow.experiment]
            return self._shadow(question, [*others, shadow], shadow)

        asked = self._recommender(served).config.k if k is None else k
        return ExperimentalAnswer(user_id, answer, asked, tuple(served), beside)

    def _served(self, user_id: str) -> list[Assignment]:
        """The person's assignments, but for those whose model has no index."""
        served = list[Assignment]()
        for one in assignments(user_id, self._experiments, self._clock()):
            if one.variant.model is None or self._view_of(one.variant.model) is not None:
                served.append(one)
            else:
                self._count(one, "unserved")
        return served

    def _answer(self, question: "_Question", parts: Sequence[Assignment], salt: str = "") -> Answer:
        view = question.view
        for model in (one.variant.model for one in parts if one.variant.model is not None):
            view = self._view_of(model)  # of one at most: `check` saw to it
            if view is None:
                raise Unavailable(f"there is no complete index of model {model!r}")
        ask = self._recommender(parts, salt).made.recommend
        return ask(question.user_id, question.k, where=question.where, view=view)

    def _shadow(
        self, question: "_Question", parts: Sequence[Assignment], shadow: Assignment
    ) -> Answer | None:
        name = f"{shadow.experiment.name}.{shadow.variant.name}"
        try:
            # an estimate asks for draws that are independent of what was shown: another salt
            answer = self._answer(question, parts, salt=f"shadow {name} of ")
        except Exception:  # whatever it is, it must not reach the person
            log.warning("shadow variant %s failed", name, exc_info=True)
            self._count(shadow, "failed")
            return None
        self._count(shadow, "shadowed")
        return answer

    def _recommender(self, parts: Sequence[Assignment], salt: str = "") -> "_Made":
        """The recommender of some variants together, made when it is first asked for."""
        key = (salt, *(f"{one.experiment.name}.{one.variant.name}" for one in parts))
        with self._lock:  # what a recommender keeps must not be made twice
            made = self._made.get(key)
            if made is None:
                config = self._base
                for one in parts:
                    config = one.variant.applied(config)
                exploration = config.exploration
                salted = exploration.model_copy(update={"salt": salt + exploration.salt})
                config = config.model_copy(update={"exploration": salted})
                same = (one for one in self._made.values() if one.config == config)
                made = next(same, None) or _Made(config, self._make(config))
                self._made[key] = made
            return made

    def _view_of(self, model: str) -> View | None:
        """The newest complete index of a model, by version or alias; None if there is none."""
        known = self._views.get(model)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        version = self._version_of(model)
        found = [one for one in self._store.versions() if one.model == version]
        view = self._store.open(found[0]) if found else None
        self._views[model] = time.monotonic() + _VIEWS_FOR_S, view
        return view

    def _count(self, part: Assignment, what: str) -> None:
        with self._lock:
            self._counts[part.experiment.name, part.variant.name, what] += 1


@dataclass(frozen=True)
class _Made:
    config: RecommendConfig
    made: Recommends


@dataclass(frozen=True)
class _Question:
    user_id: str
    k: int | None
    where: PostFilter | None
    view: View | None
