"""Posts and people in pieces, and each piece in parts: the same vectors, each of them once."""

from collections import defaultdict

import numpy as np
import pytest

from recsys import embed
from recsys.config import HistoryConfig, IndexConfig
from recsys.embed import Embedder, Work
from recsys.plan import plan
from recsys.versions import Target
from tests.recsys.world import ProjectionSpace, fill, open_events, small_world

WORLD = small_world()


class ByIdAlone(ProjectionSpace):
    """Places nobody by what they posted."""

    def embed_users(self, history, user_ids):
        history.weight.zero_()
        return super().embed_users(history, user_ids)


def work_of(space: ProjectionSpace, folder) -> Work:
    with open_events(folder) as events:
        fill(events, WORLD)
        return plan(space, WORLD.features, events, HistoryConfig()).work  # type: ignore[arg-type]


def embedded(work: Work, posts: int, history: int) -> dict[Target, dict[int, np.ndarray]]:
    found: dict[Target, dict[int, np.ndarray]] = defaultdict(dict)
    for piece in work.pieces(posts, history):
        for part in Embedder(work.towers.knowing(work.towers.learned(()))).embed(piece):
            for number, vector in zip(part.numbers, part.vectors, strict=True):
                assert number not in found[part.target]
                if part.target in (Target.IMAGES, Target.TEXTS):
                    assert number not in found[Target.POSTS]  # a post comes after its parts
                found[part.target][int(number)] = vector
    return found


@pytest.mark.parametrize("at_once", [1, 3, 7])
def test_parts_change_nothing(tmp_path, monkeypatch, at_once):
    work = work_of(ProjectionSpace(["person0"]), tmp_path)
    whole = embedded(work, posts=1000, history=1000)
    assert len(whole[Target.POSTS]) == len(work.rows)
    assert len(whole[Target.USERS]) == len(work.users) == 6
    monkeypatch.setattr(embed, "_AT_ONCE", at_once)
    parts = embedded(work, posts=10, history=20)
    assert {target: set(each) for target, each in parts.items()} == {
        target: set(each) for target, each in whole.items()
    }
    for target, vectors in whole.items():
        for number, vector in vectors.items():
            np.testing.assert_allclose(parts[target][number], vector, atol=1e-6)


@pytest.mark.parametrize("at_once", [2, 1000])
def test_who_has_no_place_costs_nobody_theirs(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(embed, "_AT_ONCE", at_once)
    work = work_of(ByIdAlone(["person1", "person4"]), tmp_path)
    placed = embedded(work, posts=1000, history=1000)[Target.USERS]
    assert {work.users[number] for number in placed} == {"person1", "person4"}


def test_few_are_embedded_here(tmp_path):
    work = work_of(ProjectionSpace(["person0"]), tmp_path)
    whole = embedded(work, posts=1000, history=1000)
    here: dict[Target, set[int]] = {target: set() for target in whole}
    for part in embed.embed(work, IndexConfig(here_below=10**9)):
        here[part.target].update(part.numbers.tolist())
        for number, vector in zip(part.numbers, part.vectors, strict=True):
            np.testing.assert_allclose(vector, whole[part.target][int(number)], atol=1e-6)
    assert here == {target: set(vectors) for target, vectors in whole.items()}
