"""Towers that were parted from the people whom they know, and met them again."""

import pickle

import numpy as np
import pytest
import torch

from training.errors import NotFound
from training.modalities import History, PostFeatures
from training.model import JointSpace, ModelConfig
from training.towers import Towers

PEOPLE = 500
IDS = [f"person {number}" for number in range(PEOPLE)]


@pytest.fixture(params=["full", "hashed"])
def towers(request) -> Towers:
    torch.manual_seed(0)
    table = {"kind": request.param, "buckets": 64}
    config = ModelConfig.parse({"dimension": 48, "hidden": 16, "user": {"table": table}})
    return Towers(JointSpace(config, users=PEOPLE, image_features=12, text_features=8), IDS)


def silent(count: int) -> History:
    """People who never posted: who they are is all there is."""
    nothing = torch.zeros(0, dtype=torch.bool)
    posts = PostFeatures(torch.zeros(0, 12), nothing, torch.zeros(0, 8), nothing)
    return History(posts, torch.zeros(0, dtype=torch.long), torch.zeros(0), count)


def test_towers_that_are_told_of_people_embed_them_as_before(towers):
    some = [IDS[7], IDS[499], IDS[0]]
    bare = towers.knowing(towers.learned(()))
    told = bare.knowing(towers.learned([*some, "a stranger"]))
    np.testing.assert_array_equal(
        told.embed_users(silent(3), some), towers.embed_users(silent(3), some)
    )
    assert told.users == tuple(some)


def test_towers_know_nobody_else(towers):
    told = towers.knowing(towers.learned(IDS[:3]))
    for stranger in (towers.knowing(towers.learned(())), told):
        with pytest.raises(NotFound, match="person 9"):
            stranger.embed_users(silent(1), ["person 9"])
    towers.embed_users(silent(1), ["person 9"])  # and the first towers still know them


def test_towers_without_people_are_sent_without_them(towers):
    bare = towers.knowing(towers.learned(()))
    rows = sum(p.numel() for p in towers.joint.people.parameters())
    kept = sum(p.numel() for p in bare.joint.people.parameters())
    assert len(pickle.dumps(bare)) < len(pickle.dumps(towers)) - 3 * (rows - kept)
    assert not any(name.encode() in pickle.dumps(bare) for name in IDS[:9])
