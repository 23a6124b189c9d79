"""Fine-tuning: from the past of a person to what they liked next.

A random cut in each person's sequence; the likes before it are the history, those after it the
positives, the near ones more. The closed form is a good start and is easily ruined: the
temperature is found before the first step, steps are small and few.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from training.reactions.closed_form import Maps
from training.reactions.config import ReactionConfig
from training.reactions.decay import history_weights
from training.reactions.layout import person_norm
from training.reactions.multinomial import multinomial_loss
from training.reactions.opinions import Opinions

EARLIEST_CUT = 0.3
"""Of a person's sequence; histories shorter than that are rare when the model is used."""
STEPS_AN_EPOCH = 200
CALIBRATION_CELLS = 10_000_000
TEMPERATURES = 10 * 2 ** np.arange(0, 10, 0.5)


@dataclass(frozen=True)
class Start:
    """What fine-tuning begins with.

    Attributes:
        maps: of the closed form.
        predicted: (N, d) what content says of the target; stays as it is.
        content: (N, C) content block; stays as it is.
        scale: M of `layout.post_vectors`; brings parameters and learning rate to one size.
    """

    maps: Maps
    predicted: np.ndarray
    content: np.ndarray
    scale: float


@dataclass(frozen=True)
class _Batch:
    """Pasts of B people as a flat list, and what came after, for all posts."""

    owner: Tensor
    post: Tensor
    taste: Tensor
    recent: Tensor
    future: Tensor
    allowed: Tensor


def finetune(
    start: Start,
    likes: Opinions,
    config: ReactionConfig,
    seed: int,
    report: Callable[[int, float], None] = lambda epoch, loss: None,
) -> tuple[Maps, float]:
    """Improve the maps. Returns: the new maps, and the temperature of the scores.

    Args:
        start: of the closed form.
        likes: positive opinions of U people on N posts.
        config: see `ReactionConfig`.
        seed: of cuts and order; the result is a pure function of it on one machine.
        report: called after each epoch with its number from 1 and its mean loss.
    """
    random = np.random.default_rng(seed)
    people = np.flatnonzero(np.diff(likes.start()) > 1)
    scorer = _Scorer(start, likes, config)
    if not len(people):
        return start.maps, float(TEMPERATURES[0])
    temperature = _calibrated(scorer, likes, people, config, random)
    optimiser = torch.optim.Adam([scorer.source, scorer.residual], lr=config.learning_rate)
    size = max(config.batch_size, -(-len(people) // STEPS_AN_EPOCH))
    sampled = likes.posts > config.full_softmax_posts
    # share of batches in which a post is a candidate because somebody liked it
    rare = np.log1p(-np.exp(-size * likes.count() / len(people)) + 1e-6).astype(np.float32)
    for epoch in range(1, config.epochs + 1):
        losses = []
        for batch in _batches(likes, people, size, config, random):
            chosen = batch.future.sum(dim=0).nonzero().squeeze(1) if sampled else None
            scores = scorer(batch, chosen) * temperature
            if chosen is not None:
                scores = scores - torch.from_numpy(rare)[chosen]
            loss = multinomial_loss(
                scores, _columns(batch.future, chosen), _columns(batch.allowed, chosen)
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        report(epoch, float(np.mean(losses)))
    return scorer.maps(), temperature


class _Scorer:
    """Scores of pasts for posts, as `layout` would give them, with gradients to both maps."""

    def __init__(self, start: Start, likes: Opinions, config: ReactionConfig) -> None:
        self._scale = start.scale
        self._weight = config.content_weight
        self._predicted = torch.from_numpy(start.predicted / np.float32(start.scale))
        self._content = torch.from_numpy(start.content)
        self._liked = torch.from_numpy(likes.count() > 0)[:, None]
        self.source = torch.from_numpy(start.maps.source.copy()).requires_grad_()
        target = torch.from_numpy(start.maps.target / np.float32(start.scale))
        self.residual = (target - self._predicted).requires_grad_()

    def __call__(self, batch: _Batch, chosen: Tensor | None) -> Tensor:
        people = len(batch.future)
        taste = torch.zeros(people, self.source.shape[1]).index_add(
            0, batch.owner, self.source[batch.post] * batch.taste[:, None]
        )
        recent = torch.zeros(people, self._content.shape[1]).index_add(
            0, batch.owner, self._content[batch.post] * batch.recent[:, None]
        )
        content = self._content if chosen is None else self._content[chosen]
        likeness = functional.normalize(recent, dim=1) @ content.T
        scores = functional.normalize(taste, dim=1) @ self._target(chosen).T
        total = scores + self._weight / self._scale * likeness
        return total / person_norm(self._weight)

    def _target(self, chosen: Tensor | None) -> Tensor:
        if chosen is None:
            return self._predicted + self._liked * self.residual
        return self._predicted[chosen] + self._liked[chosen] * self.residual[chosen]

    def maps(self) -> Maps:
        with torch.no_grad():
            target = (self._target(None) * self._scale).numpy()
        return Maps(self.source.detach().numpy(), target)


def _calibrated(
    scorer: _Scorer,
    likes: Opinions,
    people: np.ndarray,
    config: ReactionConfig,
    random: np.random.Generator,
) -> float:
    """The temperature with the least loss: at the start's tiny scores a wrong one destroys it."""
    most = int(np.clip(CALIBRATION_CELLS // likes.posts, 16, 1000))
    drawn = people if len(people) <= most else random.choice(people, most, replace=False)
    batch = _batch(likes.of(drawn), 0.7, likes.count() > 0, config)
    with torch.no_grad():
        scores = scorer(batch, None)
        losses = [
            float(multinomial_loss(scores * t, batch.future, batch.allowed)) for t in TEMPERATURES
        ]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _batches(
    likes: Opinions,
    people: np.ndarray,
    size: int,
    config: ReactionConfig,
    random: np.random.Generator,
) -> Iterator[_Batch]:
    order = random.permutation(people)
    liked = likes.count() > 0
    for first in range(0, len(order), size):
        chosen = order[first : first + size]
        cut = random.uniform(EARLIEST_CUT, 1, len(chosen))
        yield _batch(likes.of(chosen), cut, liked, config)


def _batch(
    likes: Opinions, cut: np.ndarray | float, liked: np.ndarray, config: ReactionConfig
) -> _Batch:
    """Cut each person's sequence at a share of its length; one like at least on either side.

    Only posts that somebody likes (`liked`, (N,) bool) are candidates: that a post without a
    reaction isn't liked next tells nothing of it, and would teach the model to shun new posts.
    """
    start = likes.start()
    length = np.diff(start)
    past = np.clip((cut * length).astype(int), 1, length - 1)
    place = np.arange(len(likes)) - start[likes.person]
    after = place - past[likes.person]
    before = likes[after < 0]
    weight = likes.weight * np.exp(-after / config.future_reach)
    future = np.where(after >= 0, weight, 0).astype(np.float32)
    shape = (likes.people, likes.posts)
    dense, allowed = torch.zeros(shape), torch.from_numpy(liked).repeat(likes.people, 1)
    rows, columns = torch.from_numpy(likes.person), torch.from_numpy(likes.post)
    dense[rows, columns] = torch.from_numpy(future)
    allowed[rows, columns] = torch.from_numpy(after >= 0)
    half_life = config.half_life_days
    return _Batch(
        owner=torch.from_numpy(before.person),
        post=torch.from_numpy(before.post),
        taste=torch.from_numpy(history_weights(before, config.recency, half_life)),
        recent=torch.from_numpy(history_weights(before, config.content_recency, half_life)),
        future=dense,
        allowed=allowed,
    )


def _columns(matrix: Tensor, chosen: Tensor | None) -> Tensor:
    return matrix if chosen is None else matrix[:, chosen]
