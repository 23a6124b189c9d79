from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.split import SPLITS, check, drawn, last_of_each, own_posts, temporal
from tests.recsys.evaluation.planted import CONFIG, planted, undated
from training.errors import BadData

NETWORK = planted()


def pairs(rows) -> set[tuple[int, int]]:
    return set(zip(rows.person.tolist(), rows.post.tolist(), strict=True))


def test_nothing_of_the_future_is_known_after_a_temporal_split():
    split = temporal(NETWORK, CONFIG)
    training = split.training
    assert training.events.day.max() < split.test.day.min()
    assert training.events.day.max() <= training.day < split.test.day.min()
    assert 0 < (~training.known).sum() < len(NETWORK)
    assert NETWORK.born[training.known].max() < split.test.day.min()
    assert not set(training.events.post) & set(np.flatnonzero(~training.known))
    assert (training.held.count()[~training.known] == 0).all()
    assert len(training.known_features) == training.known.sum()
    assert not pairs(training.events) & pairs(split.test)
    newcomers = set(split.people) - set(training.events.person)
    assert newcomers, "people of the future are asked, and nobody knows them"


@pytest.mark.parametrize("name", list(SPLITS))
def test_whatever_is_asked_may_be_recommended_and_was_not_seen(name):
    network = undated(NETWORK) if name == "own_posts" else NETWORK
    split = check(SPLITS[name](network, CONFIG, 0))
    allowed = split.training.allowed(split.people)
    place = {person: row for row, person in enumerate(split.people)}
    assert all(allowed[place[p], post] for p, post in pairs(split.test))
    for person in split.people:
        seen = split.training.events.post[split.training.events.person == person]
        assert not allowed[place[person], seen].any()


def test_the_last_fifth_of_each_person_is_their_latest():
    split = last_of_each(NETWORK, CONFIG)
    for person in split.people:
        train = split.training.held.likes()
        assert (
            train.day[train.person == person].max()
            <= split.test.day[split.test.person == person].min()
        )
    assert set(split.later.person) >= set(split.people)


def test_hidden_posts_tell_nothing_of_their_authors():
    network = undated(NETWORK)
    split = own_posts(network, CONFIG, seed=3)
    training = split.training
    hidden = np.flatnonzero(training.candidates)
    assert (training.known == ~training.candidates).all() and training.own
    names = [training.posts[row].user_id for row in hidden]
    assert len(set(names)) == len(names) and not set(names) & set(training.users)
    assert sorted(hidden) == sorted(split.test.post)
    for person, post in pairs(split.test):
        assert network.posts[post].user_id == training.users[person]
    known = [row for row in np.flatnonzero(training.known)]
    assert all(training.posts[row] == network.posts[row] for row in known)


def test_a_person_never_gets_what_they_wrote():
    writer = replace(NETWORK.posts[5], user_id=NETWORK.events.users[0])
    network = replace(NETWORK, posts=(*NETWORK.posts[:5], writer, *NETWORK.posts[6:]))
    training = last_of_each(network, CONFIG).training
    assert not training.allowed(np.array([0]))[0, 5]


def test_too_few_people_are_refused():
    few = replace(NETWORK, events=NETWORK.events[NETWORK.events.person < 4])
    with pytest.raises(BadData, match=r"last_of_each: 4 people have something held out"):
        check(last_of_each(few, CONFIG))


def test_a_draw_asks_for_fewer_people_and_leaves_what_is_known():
    split = last_of_each(NETWORK, CONFIG)
    some = drawn(split, 12, seed=1)
    assert len(some.people) == 12 and set(some.people) < set(split.people)
    assert some.training is split.training
    assert drawn(split, None, 1) is split and drawn(split, 999, 1) is split
