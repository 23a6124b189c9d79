import numpy as np

from training.reactions.holdout import after_a_date, last_of_each, latest_reactions


def pairs(part) -> set:
    return set(zip(part.person.tolist(), part.post.tolist(), strict=True))


def test_the_last_likes_are_held_out_with_all_that_was_said_of_them(events, config):
    parts = last_of_each(events, config, 0.2)
    assert not pairs(parts.train) & pairs(parts.test)
    for person in np.unique(parts.test.person):
        known = parts.held.day[(parts.held.person == person)]
        test = parts.test.day[parts.test.person == person]
        assert known.max() <= test.min()
        likes = (parts.held.likes().person == person).sum() + len(test)
        assert len(test) == max(1, round(0.2 * likes))


def test_nothing_after_the_date_is_learned_from(events, config):
    parts = after_a_date(events, config, 0.2)
    assert parts.train.day.max() < parts.test.day.min()
    assert not pairs(parts.train) & pairs(parts.test)


def test_the_latest_reactions_are_of_pairs_that_did_not_react_before(events):
    later = latest_reactions(events, 0.2)
    assert 0 < later.sum() < 0.25 * len(events)
    assert not pairs(events[later]) & pairs(events[~later])
