"""Time decay: how much of an opinion is left for telling what the person wants now."""

import numpy as np

from training.reactions.config import RecencyConfig
from training.reactions.opinions import Opinions


def recency_factor(later: np.ndarray, recency: RecencyConfig) -> np.ndarray:
    """In (0, 1], falling with the number of reactions that came `later`; 1 for the newest."""
    return (1 - recency.share) + recency.share * np.exp(-later / recency.reach)


def calendar_factor(age_days: np.ndarray, half_life_days: float | None) -> np.ndarray:
    """In (0, 1], halved with every half-life; 1 without one."""
    if half_life_days is None:
        return np.ones_like(age_days)
    return np.exp2(-age_days / half_life_days)


def history_weights(
    opinions: Opinions, recency: RecencyConfig, half_life_days: float | None
) -> np.ndarray:
    """(M,) float32 weights of opinions as a history; signs stay.

    Likes fade by order and by calendar. Dislikes fade by calendar alone, from the weight that old
    likes keep: what somebody did not want two posts ago is no stronger sign than long ago.
    """
    if not len(opinions):
        return np.empty(0, dtype=np.float32)
    liked = opinions.weight > 0
    order = np.full(len(opinions), 1 - recency.share)
    order[liked] = recency_factor(opinions[liked].later(), recency)
    newest = opinions.day[opinions.start()[opinions.person + 1] - 1]
    calendar = calendar_factor(newest - opinions.day, half_life_days)
    return (opinions.weight * order * calendar).astype(np.float32)
