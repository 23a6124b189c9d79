"""The map: neighbours stay neighbours, people stand among their posts, a seed decides."""

import numpy as np
import pytest

from training.evaluation.layout import flat_layout, nearest, place_among
from training.evaluation.space_map import MapContent, space_map
from training.evaluation.style import COLOURS


def clusters(count: int = 4, each: int = 30):
    """Four tight bundles of directions, and the direction of each."""
    random = np.random.default_rng(0)
    centres = np.eye(count, 10, dtype=np.float32)
    points = np.repeat(centres, each, axis=0) + 0.1 * random.standard_normal((count * each, 10))
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return points, centres


def test_nearest_equals_a_full_sort():
    points, _ = clusters()
    rows, cosines = nearest(points, points, 5)
    scores = points @ points.T
    assert np.array_equal(rows[:, 0], np.arange(len(points)))
    assert cosines == pytest.approx(-np.sort(-scores, axis=1)[:, :5], abs=1e-6)
    assert nearest(points[:0], points, 3)[0].shape == (0, 3)


def test_layout_keeps_clusters_and_people_stand_in_theirs():
    points, centres = clusters()
    flat = flat_layout(points, seed=1)
    assert np.array_equal(flat, flat_layout(points, seed=1))
    assert 0 <= flat.min() <= flat.max() <= 1
    label = np.repeat(np.arange(4), 30)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    assert np.mean(label[distances.argmin(axis=1)] == label) > 0.95
    # A person with two interests stands in one of them, not in the void between.
    people = np.vstack([centres, (centres[:1] + centres[1:2]) / 2**0.5])
    spots = place_among(people, points, flat)
    own = label[np.linalg.norm(spots[:, None] - flat[None], axis=-1).argmin(axis=1)]
    assert own[:4].tolist() == [0, 1, 2, 3]
    assert own[4] in (0, 1)


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_a_handful_of_points_has_a_layout_too(count):
    flat = flat_layout(clusters()[0][:count])
    assert flat.shape == (count, 2)
    assert np.isfinite(flat).all()


def test_equal_points_have_a_layout():
    equal = np.tile(np.eye(1, 10, dtype=np.float32), (600, 1))
    for count in (40, 600):  # each start of the optimiser
        assert np.isfinite(flat_layout(equal[:count], epochs=20)).all()


def test_map_with_pictures_names_and_categories(tmp_path, colours_of, small_space, pictures):
    content = MapContent(
        posts=small_space.posts,
        people=small_space.users,
        names=["alice", "боб", "李雷", "dora " * 20, "eve", "frank"],
        activity=np.array([5, 9, 1, 0, 2, 5]),
        categories=["food", "music", None] * 10,
        pictures=pictures,
    )
    path = space_map(content, tmp_path / "map.png", points=25, title="A small space")
    assert len(colours_of(path)) > 50
    again = space_map(content, tmp_path / "again.png", points=25, title="A small space")
    assert path.read_bytes() == again.read_bytes()


def test_map_without_people_or_extras(tmp_path, colours_of, small_space):
    content = MapContent(small_space.posts, np.zeros((0, 8)), [], np.zeros(0))
    blue = tuple(bytes.fromhex(COLOURS[0][1:]))
    found = colours_of(space_map(content, tmp_path / "map.png"))
    assert any(np.abs(np.subtract(colour, blue)).max() < 160 for colour in found)


def test_a_map_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one post"):
        space_map(MapContent(np.zeros((0, 8)), np.zeros((0, 8)), [], np.zeros(0)), tmp_path / "x")
