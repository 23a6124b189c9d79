"""The whole model of reactions: the space, and what becomes of a post that is shown."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from training.errors import BadData, NotFound
from training.modalities import PostFeatures
from training.observer import SILENT, Observer
from training.reactions.config import ReactionConfig
from training.reactions.events import Events, Reaction, events_of
from training.reactions.fit import fit_space
from training.reactions.holdout import latest_reactions
from training.reactions.opinions import opinions
from training.reactions.probabilities import KindModel, fit_kinds, fit_overall
from training.reactions.selection import select
from training.reactions.signals import Background, background, signals
from training.reactions.space import ReactionSpace

KINDS_FILE, COUNTS_FILE = "kinds.json", "counts.safetensors"


@dataclass(frozen=True)
class ReactionModel:
    """A space of reactions with calibrated probabilities.

    Attributes:
        space: of people and posts.
        kinds: outcome to the model of its probability; empty if none could be fitted.
        base: counts of the training part.
        overall: the same for `REACTS` and `APPROVES`, over all kinds.
    """

    space: ReactionSpace
    kinds: dict[str, KindModel]
    base: Background
    overall: dict[str, KindModel] = field(default_factory=dict)

    def probabilities(
        self, history: Sequence[Reaction], post_ids: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """How likely each kind of reaction is, for a person given by what they reacted to.

        Args:
            history: of the person.
            post_ids: of C known posts.
        Returns: outcome to (C,) probabilities; `kinds[outcome].question` says of what.
        Raises: NotFound naming a post that the model doesn't know.
        """
        row_of = {post: row for row, post in enumerate(self.space.post_ids)}
        missing = [post for post in post_ids if post not in row_of]
        if missing:
            raise NotFound(f"no reaction model for post {missing[0]}")
        post = np.array([row_of[each] for each in post_ids], dtype=np.int64)
        person = np.zeros(len(post), dtype=np.int64)
        known = events_of([history], self.space.post_ids)
        rows = {name: self.base.names.index(name) for name in self.kinds}
        return {
            name: model(signals(self.space, known, person, post, rows[name], self.base))
            for name, model in self.kinds.items()
        }

    def save(self, folder: Path) -> None:
        """Write the space, and beside it the probabilities."""
        self.space.save(folder)
        kinds = {name: model.as_json() for name, model in self.kinds.items()}
        overall = {name: model.as_json() for name, model in self.overall.items()}
        plain = {"outcomes": self.base.names, "kinds": kinds, "overall": overall}
        (folder / KINDS_FILE).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        counts = {name: torch.from_numpy(getattr(self.base, name).copy()) for name in _COUNTS}
        save_file(counts, folder / COUNTS_FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote. Raises: BadData as `ReactionSpace.load`."""
        space = ReactionSpace.load(folder)
        try:
            plain = json.loads((folder / KINDS_FILE).read_text(encoding="utf-8"))
            counts = load_file(folder / COUNTS_FILE)
        except (OSError, ValueError) as error:
            raise BadData(f"{folder} holds no readable model of reactions: {error}") from None
        kinds = {name: KindModel.of_json(each) for name, each in plain["kinds"].items()}
        overall = plain.get("overall", {})  # what an earlier release saved has none
        overall = {name: KindModel.of_json(each) for name, each in overall.items()}
        arrays = {name: counts[name].numpy() for name in _COUNTS}
        return cls(space, kinds, Background(tuple(plain["outcomes"]), **arrays), overall)


_COUNTS = ("authors", "reacted", "happened", "average")


def train_reactions(
    events: Events,
    authors: Sequence[str],
    features: PostFeatures,
    config: ReactionConfig = ReactionConfig(),
    seed: int = 0,
    observer: Observer = SILENT,
) -> ReactionModel:
    """Choose settings, fit the probabilities on the latest reactions, then learn from all.

    The probabilities are fitted with a space that hasn't seen those reactions, and then used with
    the final one, whose scores lie on nearly the same scale.

    Args:
        events: all reactions to learn from.
        authors: of the N posts.
        features: of the N posts.
        config: see there.
        seed: the same seed gives the same model.
        observer: sees the stages.
    Raises: BadData if nobody likes anything.
    """
    if config.search:
        observer.stage("Choosing settings for reactions")
        config, tried = select(events, features, config, seed)
        for name, figure in tried.items():
            observer.note(f"{name}: nDCG@10 {figure:.4f}")
    kinds: dict[str, KindModel] = {}
    overall: dict[str, KindModel] = {}
    if config.calibrate:
        observer.stage("Fitting probabilities of reactions")
        later = latest_reactions(events, config.validation_share)
        known, latest = events[~later], events[later]
        held = opinions(known, config)
        if len(held.likes()) and len(latest):
            space = fit_space(held, events.posts, features, config, seed)
            kinds = fit_kinds(space, known, latest, background(known, authors, config), seed)
            overall = fit_overall(space, known, latest, seed)
    observer.stage("Learning from all reactions")
    space = fit_space(opinions(events, config), events.posts, features, config, seed)
    return ReactionModel(space, kinds, background(events, authors, config), overall)
