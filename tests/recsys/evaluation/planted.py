"""A small network with tastes: people write in their own corner, and like posts of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import torch

from recsys.evaluation.network import Network
from recsys.events.records import Post
from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig
from training.reactions.events import Events

PEOPLE, POSTS, CORNERS, DAYS = 40, 72, 4, 60
FIRST = 20_000
"""The first day, since 1970."""
CONFIG = ReactionConfig(dimension=16, content_dimension=8, regularisation=5, search=False, epochs=0)


def planted(seed: int = 0) -> Network:
    """Texts tell the corner, so does the category. Posts appear day by day; people react later.

    Every fourth person comes in the last days.
    """
    random = np.random.default_rng(seed)
    corner = np.arange(POSTS) % CORNERS
    text = np.eye(CORNERS)[corner] @ random.standard_normal((CORNERS, 10))
    text += 0.2 * random.standard_normal(text.shape)
    image = text @ random.standard_normal((10, 8)) + random.standard_normal((POSTS, 8))
    born = FIRST + np.sort(random.uniform(0, DAYS, POSTS))
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    posts = tuple(
        Post(
            post_id=f"post{row:02d}",
            user_id=f"writer{(row * 7) % 12}",
            text=f"Post {row} of corner {corner[row]}.",
            created_at=begin + timedelta(days=float(born[row])),
        )
        for row in range(POSTS)
    )
    features = PostFeatures(
        torch.tensor(image, dtype=torch.float32),
        torch.tensor(np.arange(POSTS) % 5 != 0),
        torch.tensor(text, dtype=torch.float32),
        torch.ones(POSTS, dtype=torch.bool),
    )
    categories = tuple((f"corner{each}",) for each in corner)
    return Network(posts, categories, born, features, _likes(born, corner, random))


def undated(network: Network) -> Network:
    """The same without reactions and dates, written by a dozen people in one corner each."""
    posts = tuple(
        replace(post, user_id=f"writer{row % 12}", created_at=None)
        for row, post in enumerate(network.posts)
    )
    nothing = network.events[np.zeros(len(network.events), dtype=bool)]
    return replace(network, posts=posts, born=np.full(POSTS, -np.inf), events=nothing)


def _likes(born: np.ndarray, corner: np.ndarray, random: np.random.Generator) -> Events:
    rows = []
    for person in range(PEOPLE):
        late = person % 4 == 3
        for _ in range(6 if late else 16):
            day = FIRST + random.uniform(0.93 * DAYS if late else 3, DAYS)
            there = np.flatnonzero(born < day)
            own = there[corner[there] == person % CORNERS]
            post = random.choice(own if len(own) and random.random() < 0.85 else there)
            rows.append((person, int(post), day))
    person, post, day = (np.array(column) for column in zip(*rows, strict=True))
    first = np.unique(np.stack([person, post]), axis=1, return_index=True)[1]
    person, post, day = person[first], post[first], day[first]
    order = np.lexsort((post, day, person))
    users = tuple(f"person{row:02d}" for row in range(PEOPLE))
    posts = tuple(f"post{row:02d}" for row in range(POSTS))
    count = len(order)
    kind, value = np.zeros(count, dtype=np.int64), np.full(count, np.nan)
    return Events(users, posts, ("like",), person, post, kind, value, day.astype(float))[order]
