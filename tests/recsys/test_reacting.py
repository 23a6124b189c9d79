from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch

from recsys.config import RecommendConfig
from recsys.events.records import Reaction
from recsys.reacting import Reacting, load_reacting
from tests.recsys.world import BEGINNING
from training.errors import BadConfig, BadData
from training.modalities import PostFeatures
from training.reactions.config import ReactionConfig
from training.reactions.events import Events
from training.reactions.model import ReactionModel, train_reactions

PEOPLE, POSTS = 40, 60
NOW = BEGINNING + timedelta(days=60)
LIKES = {"approves": 1.0}


@pytest.fixture(scope="module")
def model() -> ReactionModel:
    """Two camps: the people of each like the posts of theirs, and view some of the others."""
    random = np.random.default_rng(0)
    rows = []
    for person in range(PEOPLE):
        for day, post in enumerate(random.permutation(POSTS)[:24]):
            own = post % 2 == person % 2
            rows.append((person, post, int(not own), np.nan, float(day)))
    person, post, kind, value, day = (np.array(column) for column in zip(*rows, strict=True))
    users = tuple(f"person{i:02d}" for i in range(PEOPLE))
    posts = tuple(f"post{i:02d}" for i in range(POSTS))
    order = np.lexsort((kind, post, day, person))
    events = Events(users, posts, ("like", "view"), person, post, kind, value, day)[order]
    nothing, nowhere = torch.full((POSTS, 4), torch.nan), torch.zeros(POSTS, dtype=torch.bool)
    features = PostFeatures(nothing, nowhere, torch.ones(POSTS, 4), ~nowhere)
    config = ReactionConfig(
        dimension=16, content_dimension=2, regularisation=5, search=False, validation_share=0.3
    )
    return train_reactions(events, [f"author{i % 6}" for i in range(POSTS)], features, config)


def liked(*numbers: int, kind: str = "like") -> list[Reaction]:
    return [
        Reaction("zoe", f"post{number:02d}", kind, None, NOW - timedelta(days=place))
        for place, number in enumerate(numbers)
    ]


def test_whoever_likes_one_camp_gets_more_of_it_best_first(model):
    person = Reacting(model).person(liked(0, 2, 4), NOW, LIKES)
    seen = {"post00", "post02", "post04"}
    found = person.nearest(8, seen)
    assert len(found) == 8 and not seen & set(found)
    assert all(int(post_id[4:]) % 2 == 0 for post_id in found)
    values = person.expected(found).value
    assert (np.diff(values) <= 1e-9).all()  # the order of the score is that of the value
    assert person.nearest(99, seen)[:8] == found and len(person.nearest(99, seen)) == POSTS - 3


def test_the_value_is_of_the_person_and_of_anyone(model):
    person = Reacting(model).person(liked(0, 2, 4), NOW, LIKES)
    ids = [f"post{number:02d}" for number in range(6, POSTS)]
    found = person.expected(ids)
    assert found.value == pytest.approx(found.probabilities["approves"])
    assert ((found.value > 0) & (found.value < 1)).all()
    usual = found.value - found.personal
    assert usual == pytest.approx([usual[0]] * len(ids))  # at no score at all they are alike
    assert found.personal[::2].mean() > found.personal[1::2].mean()


def test_values_weigh_kinds(model):
    reacting = Reacting(model)
    ids = ["post06", "post07"]
    values = {"like": 2.0, "view": -0.5}
    found = reacting.person(liked(0, 2, 4), NOW, values).expected(ids)
    likely = found.probabilities
    assert found.value == pytest.approx(2 * likely["like"] - 0.5 * likely["view"])
    assert (likely["like"] <= likely["reacts"] + 1e-12).all()  # of all who react, some like
    reacting.check(values)
    with pytest.raises(BadConfig, match=r"no probability of 'wave'.*\n*.*approves, like, reacts"):
        reacting.check({"wave": 1.0})


def test_who_likes_nothing_that_is_known_is_where_everyone_is(model):
    reacting = Reacting(model)
    histories = ([], liked(0, 2, kind="view"), [Reaction("zoe", "nowhere", "like")])
    lists = [reacting.person(one, NOW, LIKES).nearest(9, set()) for one in histories]
    assert all(reacting.person(one, NOW, LIKES).silent for one in histories)
    assert lists[0] == lists[1] == lists[2]
    away = reacting.person(liked(0, 2, 4, 6, 8, kind="dislike"), NOW, LIKES)
    assert away.silent and away.nearest(9, set()) != lists[0]
    assert not reacting.person(liked(0), NOW, LIKES).silent
    assert Reacting(replace(model, overall={})).person(liked(0), NOW, LIKES) is None


def test_the_cause_is_a_like_of_the_same_camp_and_may_be_named(model):
    person = Reacting(model).person(liked(0, 1), NOW, LIKES)
    assert person.cause("post06", ["post00", "post01"]) == "post00"
    assert person.cause("post07", ["post00", "post01"]) == "post01"
    assert person.cause("post06", []) is None


def test_a_reaction_of_just_now_counts(model):
    reacting = Reacting(model)
    before = reacting.person(liked(0, 2), NOW, LIKES).expected(["post07"]).value
    now = [*liked(0, 2), Reaction("zoe", "post01", "like", None, NOW)]
    assert reacting.person(now, NOW, LIKES).expected(["post07"]).value > before
    undated = [*liked(0, 2), Reaction("zoe", "post01", "like")]
    assert reacting.person(undated, NOW, LIKES).expected(["post07"]).value > before


def test_it_is_loaded_if_it_is_there(model, tmp_path):
    config = RecommendConfig()
    assert load_reacting(config, tmp_path) is None
    model.save(tmp_path / "reactions")
    assert load_reacting(config, tmp_path).outcomes == Reacting(model).outcomes
    assert load_reacting(RecommendConfig(reactions=None), tmp_path) is None
    (tmp_path / "reactions" / "kinds.json").write_text("{")
    with pytest.raises(BadData, match="no readable model of reactions"):
        load_reacting(config, tmp_path)
