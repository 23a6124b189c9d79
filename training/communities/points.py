"""Where people stand when they are compared with each other."""

from dataclasses import dataclass

import numpy as np

from training.evaluation.baselines import mean_by_author, unit_rows
from training.interests.landscape import Landscape
from training.interests.neighbourhood import neighbourhoods
from training.materials import Materials


@dataclass(frozen=True)
class Points:
    """Some people, as points about their common middle.

    Attributes:
        people: (M,) int, ascending, rows of the examples' people.
        vectors: (M, F) float32 unit rows.
        middle: (F,) what was taken away before.
    """

    people: np.ndarray
    vectors: np.ndarray
    middle: np.ndarray

    def __len__(self) -> int:
        return len(self.people)

    def place(self, values: np.ndarray) -> np.ndarray:
        """(n, F) vectors of the same kind among the points: unit rows about the middle."""
        return unit_rows(np.asarray(values - self.middle, dtype=np.float32))


def in_space(landscape: Landscape) -> Points:
    """People of the joint space, each at the mean subject of the posts around them.

    Two who care for the same things may be apart by what little each has posted, but have the same
    posts around them. Subjects alone count: style and authorship tell people from each other.
    """
    people = np.flatnonzero(landscape.present)
    near = neighbourhoods(landscape.interests_of(people), landscape.subjects)
    return about_middle(people, near.mean(landscape.subjects))


def of_features(landscape: Landscape, materials: Materials, modality: str) -> Points:
    """The unimodal baseline: people at the mean of the frozen features of their training posts.

    Args:
        landscape: whose posts are taken.
        materials: with the features.
        modality: `image` or `text`; people without one have no point.
    """
    features = materials.examples.features.blanked()
    values = unit_rows(getattr(features, modality)[landscape.rows].numpy())
    there = getattr(features, f"has_{modality}")[landscape.rows].numpy()
    means, has = mean_by_author(values, there, landscape.author, len(landscape.people))
    people = np.flatnonzero(has & landscape.present)
    return about_middle(people, means[people])


def about_middle(people: np.ndarray, values: np.ndarray) -> Points:
    """Points from any vectors of people: (M, F), of whatever length."""
    values = np.asarray(values, dtype=np.float32)
    middle = values.mean(axis=0) if len(values) else np.zeros(values.shape[1], np.float32)
    return Points(people, unit_rows(values - middle), middle)
