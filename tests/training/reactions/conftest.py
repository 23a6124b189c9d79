"""A small network with tastes: people like posts of their own corner, and a little of others."""

import numpy as np
import pytest
import torch

from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig
from training.reactions.events import Events

PEOPLE, POSTS, CORNERS = 60, 80, 4


@pytest.fixture(scope="session")
def config() -> ReactionConfig:
    """Small and quick; no search, no probabilities."""
    return ReactionConfig(
        dimension=24, content_dimension=8, regularisation=5, search=False, calibrate=False
    )


@pytest.fixture(scope="session")
def features() -> PostFeatures:
    """Text tells the corner; a third of the posts has an image, one post in ten no text."""
    random = np.random.default_rng(1)
    corner = np.arange(POSTS) % CORNERS
    text = np.eye(CORNERS)[corner] @ random.standard_normal((CORNERS, 12))
    image = np.eye(CORNERS)[corner] @ random.standard_normal((CORNERS, 10))
    has_image = np.arange(POSTS) % 3 == 0
    has_text = (np.arange(POSTS) % 10 != 9) | has_image
    text[~has_text], image[~has_image] = np.nan, np.nan
    noise = random.standard_normal((POSTS, 12)) * 0.3
    return PostFeatures(
        torch.tensor(image, dtype=torch.float32),
        torch.tensor(has_image),
        torch.tensor(text + noise, dtype=torch.float32),
        torch.tensor(has_text),
    )


@pytest.fixture(scope="session")
def events() -> Events:
    """Ratings 1 to 5, a view before each; the last eight posts are reacted to by nobody."""
    random = np.random.default_rng(2)
    rows = []
    for person in range(PEOPLE):
        seen = random.permutation(POSTS - 8)[:24]
        for order, post in enumerate(seen):
            own = post % CORNERS == person % CORNERS
            value = random.choice([4.0, 5.0] if own else [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0])
            day = order + random.random() / 2
            rows += [(person, post, 1, np.nan, day), (person, post, 0, value, day + 0.1)]
    person, post, kind, value, day = (np.array(column) for column in zip(*rows, strict=True))
    users = tuple(f"person{i}" for i in range(PEOPLE))
    posts = tuple(f"post{i}" for i in range(POSTS))
    order = np.lexsort((kind, post, day, person))
    return Events(users, posts, ("rate", "view"), person, post, kind, value, day)[order]
