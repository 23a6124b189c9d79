"""An experiment that ran in a database: people who like what they see at their variant's rate."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from recsys.events.database import Events
from recsys.events.exposures import Exposure
from recsys.events.records import Reaction
from recsys.events.shadows import Shadow
from recsys.experiments.assignment import variant_of
from recsys.experiments.config import ExperimentConfig

START = datetime(2025, 1, 1, tzinfo=UTC)  # long ago, whatever the clock says
DAYS, POSTS, PLACES = 10, 6, 3
NOW = START + timedelta(days=DAYS + 2)
CHANCES = np.array([0.35, 0.25, 0.15, 0.1, 0.1, 0.05])
"""With which each post comes to each place."""


def play(
    events: Events,
    experiment: ExperimentConfig,
    people: int,
    rates: Mapping[str, float],
    seed: int = 0,
    days_each: int = 2,
) -> None:
    """Show posts to people on some days and let them like; shadows are drawn uniformly."""
    random = np.random.default_rng(seed)
    exposures, reactions, shadows = list[Exposure](), list[Reaction](), list[Shadow]()
    for number in range(people):
        user = f"person{number}"
        variant = variant_of(user, experiment)
        if variant is None:
            continue
        own = random.beta(4 * rates[variant.name], 4 * (1 - rates[variant.name]))
        for day in random.choice(DAYS, days_each, replace=False):
            at = START + timedelta(days=int(day), seconds=number)
            request = f"{user}-{day}"
            drawn = random.choice(POSTS, PLACES, p=CHANCES)
            beside = random.choice(POSTS, PLACES)
            for position, (post, other) in enumerate(zip(drawn, beside, strict=True)):
                exposures.append(
                    Exposure(
                        exposure_id=f"{request}-{position}",
                        request_id=request,
                        user_id=user,
                        post_id=f"post{post}-{position}",
                        position=position,
                        k=PLACES,
                        score=1 / (1 + position),
                        propensity=float(CHANCES[post]),
                        explored=False,
                        experiment=experiment.name,
                        variant=variant.name,
                        model_version="1",
                        sources=("taste",),
                        shown_at=at,
                    )
                )
                # a later post is liked better, so that a uniform policy is worth more
                if random.random() < own * (0.5 + post / POSTS):
                    when = at + timedelta(minutes=3)
                    reactions.append(Reaction(user, f"post{post}-{position}", "like", None, when))
                for shadow in experiment.shadow:
                    name = f"post{other}-{position}"
                    shadows.append(
                        Shadow(
                            request,
                            experiment.name,
                            shadow,
                            position,
                            user,
                            name,
                            0.5,
                            1 / POSTS,
                            "1",
                            at,
                        )
                    )
    events.exposures.add(exposures)
    events.add_reactions(reactions)
    events.shadows.add(shadows)
