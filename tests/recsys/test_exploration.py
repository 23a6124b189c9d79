import itertools
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.answers import ReasonKind
from recsys.config import DiversityConfig, ExplorationConfig
from recsys.events.records import Post
from recsys.exploration import explore
from recsys.ranking import Part, Scored
from tests.recsys.world import BEGINNING

DIVERSITY = DiversityConfig()
HALF = ExplorationConfig(share=0.5)


def scored(post_id: str, score: float, days: float | None, reactions: int = 0, image=None):
    at = None if days is None else BEGINNING - timedelta(days=days)
    post = Post(post_id, "ann", created_at=at, image_hash=image)
    return Scored(post, (Part(ReasonKind.TASTE, score),), None, ("taste",), reactions=reactions)


def ranking(old: int, new: int) -> list[Scored]:
    return [
        *(scored(f"old{i}", 1 - i / 100, 99) for i in range(old)),
        *(scored(f"new{i}", 0.1 - i / 100, 1) for i in range(new)),
    ]


def lists(chosen, ranked, config, count: int):
    for draw in range(count):
        yield explore(chosen, ranked, config, DIVERSITY, f"person{draw}", BEGINNING)


def test_only_new_posts_of_which_little_is_known_are_drawn():
    ranked = [
        *(scored(f"old{i}", 1 - i / 100, 99) for i in range(6)),
        scored("undated", 0.5, None),
        scored("known", 0.4, 1, reactions=5),
        scored("aged", 0.3, 15),
        scored("new", 0.2, 13, reactions=4),
    ]
    drawn = {
        one.scored.post.post_id
        for found in lists(ranked[:6], ranked, HALF, 40)
        for one in found
        if one.explored
    }
    assert drawn == {"new"}


def test_the_same_as_one_in_the_list_is_not_drawn():
    chosen = [scored("old", 1, 99, image="x"), scored("other", 0.9, 99)]
    ranked = [*chosen, scored("copy", 0.2, 1, image="x")]
    for found in lists(chosen, ranked, HALF, 20):
        assert [one.scored for one in found] == chosen
        assert all(one.propensity == 1 for one in found)


def test_the_first_place_and_the_length_stay_and_the_scores_fall():
    ranked = ranking(10, 4)
    for found in lists(ranked[:10], ranked, HALF, 50):
        assert len(found) == 10 and not found[0].explored
        assert len({one.scored.post.post_id for one in found}) == 10
        scores = [one.scored.score for one in found]
        assert all(above >= below - 1e-9 for above, below in itertools.pairwise(scores))
        for above, one in itertools.pairwise(found):
            if one.explored:
                assert one.scored.score == pytest.approx(above.scored.score)
                assert one.scored.parts[-1].kind is ReasonKind.EXPLORATION


@pytest.mark.parametrize(("old", "new"), [(6, 9), (8, 2)])
def test_propensities_are_how_often_a_place_shows_a_post(old, new):
    """Against 4,000 draws: within four standard errors."""
    ranked, draws = ranking(old, new), 4000
    count, said = Counter(), {}
    for found in lists(ranked[:old], ranked, ExplorationConfig(share=0.3), draws):
        for place, one in enumerate(found):
            key = (place, one.scored.post.post_id)
            count[key] += 1
            assert said.setdefault(key, one.propensity) == pytest.approx(one.propensity)
    for place in range(old):
        assert sum(p for (at, _), p in said.items() if at == place) == pytest.approx(1, abs=0.01)
    for key, propensity in said.items():
        error = 4 * (propensity * (1 - propensity) / draws) ** 0.5
        assert count[key] / draws == pytest.approx(propensity, abs=error + 1e-3)


def test_the_top_of_a_longer_list_is_drawn_alike():
    """Pages of any size are cut from one list, and its propensities hold for them."""
    ranked = ranking(30, 9)
    new = ranked[30:]
    for person in map(str, range(20)):
        lists = [
            explore(ranked[:k], ranked[:k] + new, HALF, DIVERSITY, person, BEGINNING)
            for k in (5, 30)
        ]
        assert lists[0] == lists[1][:5]


def test_a_person_has_the_same_draw_for_a_while_and_then_another():
    ranked = ranking(10, 10)

    def ids(minutes: float, person: str = "ann") -> list[str]:
        now = BEGINNING + timedelta(minutes=minutes)
        found = explore(ranked[:10], ranked, HALF, DIVERSITY, person, now)
        return [one.scored.post.post_id for one in found]

    assert ids(0) == ids(59)
    assert len({tuple(ids(60 * hour)) for hour in range(10)}) > 5
    assert len({tuple(ids(0, f"person{i}")) for i in range(10)}) > 5


@given(st.integers(0, 12), st.integers(0, 12), st.floats(0, 0.99), st.text(max_size=5))
@settings(max_examples=60)
def test_whatever_there_is_the_list_is_as_long_and_propensities_are_probabilities(
    old, new, share, person
):
    ranked = ranking(old, new)
    chosen = ranked[: max(old, 1)]
    found = explore(chosen, ranked, ExplorationConfig(share=share), DIVERSITY, person, BEGINNING)
    assert len(found) == len(chosen)
    assert all(0 < one.propensity <= 1 + 1e-12 for one in found)
    assert len({one.scored.post.post_id for one in found}) == len(found)
