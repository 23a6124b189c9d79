import dataclasses

import numpy as np
import pytest
import torch

from training.errors import BadData
from training.modalities import PostFeatures
from training.reactions.events import Reaction
from training.reactions.fit import fit_space
from training.reactions.opinions import opinions
from training.reactions.space import ReactionSpace


@pytest.fixture(scope="module")
def held(events, config):
    return opinions(events, config)


@pytest.fixture(scope="module")
def space(held, events, features, config) -> ReactionSpace:
    return fit_space(held, events.posts, features, config)


def corner(rows) -> np.ndarray:
    return np.asarray(rows) % 4


def test_everything_is_a_unit_vector(space, held, features):
    for vectors in (space.vectors, space.place(held), space.embed_posts(features)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def purity(space, held) -> float:
    """Share of the best new posts of each person that are of their corner; 0.25 by chance."""
    scores = space.scores(held)
    scores[held.person, held.post] = -np.inf
    best = np.argsort(-scores, axis=1)[:, :5]
    return float((corner(best) == corner(np.arange(held.people))[:, None]).mean())


def test_people_stand_near_new_posts_of_their_corner(space, held):
    assert purity(space, held) > 0.8


def test_a_person_folded_in_is_the_trained_one_with_that_history(space, held, events):
    own = np.flatnonzero(events.person == 3)
    history = [
        Reaction(
            events.posts[events.post[i]],
            events.kinds[events.kind[i]],
            None if np.isnan(events.value[i]) else float(events.value[i]),
            float(100 - events.day[i]),
        )
        for i in own
    ]
    np.testing.assert_allclose(space.embed_people([history])[0], space.place(held)[3], atol=1e-5)


def test_a_history_in_any_order_is_the_same_person(space):
    history = [Reaction(f"post{i}", "like", None, i) for i in range(5)]
    np.testing.assert_array_equal(*space.embed_people([history, history[::-1]]))


def test_cold_posts_stand_where_their_content_belongs(space, held):
    cold = np.flatnonzero(held.count() == 0)
    scores = space.scores(held)[:, cold]
    own = corner(cold)[None] == corner(np.arange(held.people))[:, None]
    assert scores[own].mean() > scores[~own].mean() + scores.std()


def test_a_new_post_is_placed_by_whatever_it_has(space, held, features):
    both = int(np.flatnonzero((features.has_image & features.has_text).numpy())[1])
    one = features[torch.tensor([both, both, both])]
    image, text = torch.tensor([True, True, False]), torch.tensor([True, False, True])
    masked = dataclasses.replace(one, has_image=image, has_text=text)
    scores = space.place(held) @ space.embed_posts(masked).T
    own = corner(np.arange(held.people)) == corner(both)
    assert (scores[own].mean(axis=0) > scores[~own].mean(axis=0)).all()


def test_a_dislike_lowers_the_score_of_the_post_and_of_its_kind(space):
    likes = [Reaction(f"post{i}", "like") for i in (0, 1, 4, 5)]
    before, after = space.embed_people([likes, [*likes, Reaction("post8", "hide")]])
    change = (after - before) @ space.vectors.T
    assert change[8] < 0
    assert change[corner(range(72)).nonzero()[0]].mean() > change[12:72:4].mean()


def test_nobody_is_without_a_place(space):
    nothing, unknown = space.embed_people([[], [Reaction("not there")]])
    np.testing.assert_array_equal(nothing, unknown)
    assert np.isclose(np.linalg.norm(nothing), 1)


def test_the_same_seed_gives_the_same_space(space, held, events, features, config):
    again = fit_space(held, events.posts, features, config)
    np.testing.assert_array_equal(again.vectors, space.vectors)


def test_fine_tuning_ranks_no_worse_by_sampled_candidates(held, events, features, config):
    more = config.model_copy(update={"epochs": 30, "learning_rate": 1e-3})
    sampled = more.model_copy(update={"full_softmax_posts": 1})
    whole = fit_space(held, events.posts, features, more)
    part = fit_space(held, events.posts, features, sampled)
    assert not np.array_equal(whole.vectors, part.vectors)
    assert purity(part, held) > purity(whole, held) - 0.05


def test_it_is_saved_and_loaded(space, held, features, tmp_path):
    space.save(tmp_path)
    loaded = ReactionSpace.load(tmp_path)
    np.testing.assert_array_equal(loaded.scores(held), space.scores(held))
    np.testing.assert_array_equal(loaded.embed_posts(features), space.embed_posts(features))
    assert loaded.config == space.config
    with pytest.raises(BadData, match="no readable space"):
        ReactionSpace.load(tmp_path / "elsewhere")


def test_ten_people_and_no_content_are_enough(events, config):
    few = events[events.person < 10]
    none = torch.zeros(len(events.posts), dtype=torch.bool)
    empty = PostFeatures(torch.zeros(len(none), 0), none, torch.zeros(len(none), 0), none)
    held = opinions(few, config)
    space = fit_space(held, events.posts, empty, config)
    scores = space.scores(held)
    assert np.isfinite(scores).all()
    assert scores.std() > 0


def test_without_a_like_there_is_nothing_to_learn(events, features, config):
    views = opinions(events[events.kind == 1], config)
    with pytest.raises(BadData, match="no reaction speaks"):
        fit_space(views, events.posts, features, config)


def test_a_lift_moves_only_posts_that_nobody_likes(held, events, features, config):
    flat = config.model_copy(update={"cold_lift": 0.0, "epochs": 0})
    low = fit_space(held, events.posts, features, flat).scores(held)
    lifted = fit_space(held, events.posts, features, flat.model_copy(update={"cold_lift": 0.2}))
    high = lifted.scores(held)
    cold = held.likes().count() == 0
    assert (high[:, cold].mean(axis=1) > low[:, cold].mean(axis=1)).all()
    order = np.argsort(low[:, ~cold], axis=1)
    assert (np.diff(np.take_along_axis(high[:, ~cold], order, axis=1), axis=1) > -1e-6).all()
    assert lifted.embed_posts(features)[cold] == pytest.approx(lifted.vectors[cold], abs=1e-5)
