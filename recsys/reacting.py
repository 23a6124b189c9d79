"""What a person will do with posts, by the model of reactions.

The model keeps its own vectors, in memory: a person is computed from their reactions when they
ask, so that what they did a second ago counts.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.special import expit

from recsys.config import RecommendConfig
from recsys.events.records import Reaction
from training.errors import BadConfig
from training.reactions.events import Events as History
from training.reactions.events import Reaction as PastReaction
from training.reactions.events import events_of
from training.reactions.model import ReactionModel
from training.reactions.opinions import Opinions, opinions
from training.reactions.outcomes import APPROVES, REACTS, Question
from training.reactions.probabilities import KindModel
from training.reactions.signals import signals
from training.reactions.space import SHAPE_FILE

_SECONDS_A_DAY = 86_400


class Reacting:
    """The model of reactions, ready to be asked; threads may share it."""

    def __init__(self, model: ReactionModel) -> None:
        self._model = model
        self._row_of = {post: row for row, post in enumerate(model.space.post_ids)}

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What there are probabilities of."""
        return (*self._model.overall, *self._model.kinds)

    def check(self, values: Mapping[str, float]) -> None:
        """Raises: BadConfig if a value is of a kind that the model has no probability of."""
        known = {name.split(">=")[0] for name in self.outcomes}
        for kind in values:
            if kind not in known and self._model.overall:
                raise BadConfig(
                    f"ranking.values: the model of reactions has no probability of {kind!r}",
                    hint=f"it has {', '.join(sorted(known))}",
                )

    def person(
        self, reactions: Sequence[Reaction], now: datetime, values: Mapping[str, float]
    ) -> "ReactingPerson | None":
        """A person by what they did; None if the model has no calibrated probabilities.

        Args:
            reactions: all of theirs.
            now: undated ones count as long ago as the oldest.
            values: what each kind of reaction is worth.
        """
        if APPROVES not in self._model.overall:
            return None
        known = [one for one in reactions if one.post_id in self._row_of]
        ages = [(now - one.created_at).total_seconds() for one in known if one.created_at]
        oldest = max(ages, default=0.0)
        past = [
            PastReaction(
                one.post_id,
                one.kind,
                one.value,
                ((now - one.created_at).total_seconds() if one.created_at else oldest)
                / _SECONDS_A_DAY,
            )
            for one in known
        ]
        history = events_of([past], self._model.space.post_ids, self._row_of)
        held = opinions(history, self._model.space.config)
        return ReactingPerson(self._model, self._row_of, history, held, values)


def load_reacting(config: RecommendConfig, workspace: Path) -> Reacting | None:
    """The configured model of reactions; None if there is none. Raises: BadData."""
    if config.reactions is None:
        return None
    folder = workspace / config.reactions
    return Reacting(ReactionModel.load(folder)) if (folder / SHAPE_FILE).exists() else None


@dataclass(frozen=True)
class Expected:
    """What is to be expected of a person and C posts that the model knows.

    Attributes:
        value: (C,) expected value of what they will do with each.
        personal: (C,) of that, the part which owes to the person's own reactions; the rest is what
            would be expected of anyone.
        probabilities: outcome to (C,).
    """

    value: np.ndarray
    personal: np.ndarray
    probabilities: dict[str, np.ndarray]


class ReactingPerson:
    """One person; made for one answer."""

    def __init__(
        self,
        model: ReactionModel,
        row_of: Mapping[str, int],
        history: History,
        held: Opinions,
        values: Mapping[str, float],
    ) -> None:
        self._model, self._row_of = model, row_of
        self._history, self._held, self._values = history, held, values

    @cached_property
    def _place(self) -> np.ndarray:
        return self._model.space.place(self._held)[0]

    @property
    def silent(self) -> bool:
        """Whether nothing that they did says what they like; they are where everyone together is,
        away from what they dislike.
        """
        return not len(self._held.likes())

    def knows(self, post_id: str) -> bool:
        """Whether the model has the post."""
        return post_id in self._row_of

    def nearest(self, count: int, exclude: Collection[str]) -> list[str]:
        """The posts that the person will most likely react to, best first.

        Args:
            count: how many at most.
            exclude: ids to leave out.
        """
        space = self._model.space
        scores = space.vectors @ self._place
        hidden = [self._row_of[id] for id in exclude if id in self._row_of]
        scores[hidden] = -np.inf
        count = min(count, len(scores) - len(hidden))
        if count <= 0:
            return []
        best = np.argpartition(-scores, count - 1)[:count]
        ids = [(float(-scores[row]), space.post_ids[row]) for row in best]
        return [post_id for _, post_id in sorted(ids)]

    def expected(self, post_ids: Sequence[str]) -> Expected:
        """What the person will do with C posts that the model knows."""
        rows = np.array([self._row_of[id] for id in post_ids], dtype=np.int64)
        space = self._model.space
        score = space.temperature * (space.vectors[rows] @ self._place)
        value, anyone = np.zeros(len(rows)), np.zeros(len(rows))
        said: dict[str, np.ndarray] = {}
        for name, kind in (*self._model.overall.items(), *self._model.kinds.items()):
            worth = self._values.get(name.split(">=")[0], 0.0)
            said[name] = self._likely(name, kind, rows, score)
            if worth:
                value += worth * said[name]
                anyone += worth * self._likely(name, kind, rows, np.zeros(len(rows)))
        return Expected(value, value - anyone, said)

    def cause(self, post_id: str, among: Sequence[str]) -> str | None:
        """Which of the posts in the person's history speaks most for a post that the model knows.

        Args:
            post_id: of the post.
            among: ids that may be named.
        Returns: an id; None if none of them speaks for it.
        """
        space = self._model.space
        target = space.vectors[self._row_of[post_id], : space.source.shape[1]]
        liked = self._held.likes()
        best, most = None, 0.0
        named = set(among)
        for row, weight in zip(liked.post, liked.weight, strict=True):
            speaks = float(weight * (space.source[row] @ target))
            if speaks > most and space.post_ids[row] in named:
                best, most = space.post_ids[row], speaks
        return best

    def _likely(
        self, name: str, kind: KindModel, rows: np.ndarray, score: np.ndarray
    ) -> np.ndarray:
        """(C,) probabilities that the person does this, whether or not they react at all."""
        if name in (REACTS, APPROVES):
            return expit(score * kind.weights[0] + kind.intercept)
        base = self._model.base
        signal = signals(
            self._model.space,
            self._history,
            np.zeros(len(rows), dtype=np.int64),
            rows,
            base.names.index(name),
            base,
            score,
        )
        likely = kind(signal)
        if kind.question is Question.IF_REACTING and REACTS in self._model.overall:
            reacts = self._model.overall[REACTS]
            likely = likely * expit(score * reacts.weights[0] + reacts.intercept)
        return likely
