from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.answers import ReasonKind
from recsys.candidates.asking import Asking
from recsys.candidates.rounds import Candidate
from recsys.config import RecommendConfig
from recsys.events.records import Person, Post, Reaction
from recsys.profiles import profile_of
from recsys.ranking import Ranker
from recsys.reacting import Expected
from recsys.reasons import why_post
from tests.recsys.world import BEGINNING, open_events, open_store, publish, unit_rows

NOW = BEGINNING + timedelta(days=30)
ROWS = unit_rows(40, 8, seed=3)
POSTS = [
    Post(f"p{i:02d}", f"author{i % 5}", f"Title {i}.", (f"t{i % 3}",), BEGINNING if i % 2 else NOW)
    for i in range(30)
]
MINE = [Post(f"mine{i}", "ann", f"Mine {i}.", ("t1",), BEGINNING) for i in range(4)]
VECTORS = dict(zip((post.post_id for post in POSTS), ROWS, strict=False))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    with open_store(folder) as store, open_events(folder) as events:
        own = dict(zip(MINE, ROWS[30:34], strict=True))
        people = {"ann": ROWS[34], "bob": ROWS[34], "cid": ROWS[35]}
        publish(store, "1", dict(zip(POSTS, ROWS[:30], strict=True)) | own, people)
        events.add_posts([*POSTS, *MINE])
        events.add_people([Person("bob"), Person("zoe")])
        likes = [Reaction("bob", f"p0{i}", "like") for i in range(3)]
        hides = [Reaction(f"reader{i}", "p05", "hide") for i in range(20)]
        events.add_reactions([*likes, *hides])
        yield store.live(), events


class Model:
    """Knows some of the posts, each with a value."""

    silent = False

    def __init__(self, values: dict[str, float]) -> None:
        self.values = values

    def knows(self, post_id: str) -> bool:
        return post_id in self.values

    def nearest(self, count, exclude):
        return []

    def expected(self, post_ids):
        value = np.array([self.values[id] for id in post_ids])
        return Expected(value, value - 0.01, {"approves": value})


def ranked(place, user="ann", model=None, **settings):
    view, events = place
    config = RecommendConfig.parse({"ranking": settings})
    profile = profile_of(user, events, view, config)
    asking = Asking(profile, view, events, config, NOW, reacting=model)
    candidates = [Candidate(post.post_id, ("taste",), i) for i, post in enumerate(POSTS)]
    posts = {post.post_id: post for post in POSTS}
    return {
        one.post.post_id: one for one in Ranker(asking).rank(candidates, posts, VECTORS)
    }, profile


NOTHING_BESIDE = {"freshness": 0, "quality": 0, "neighbours": 0}


def part(one, kind):
    return sum(each.value for each in one.parts if each.kind is kind)


@given(st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=15, deadline=None)
def test_relevance_is_the_weighted_mean_of_three_cosines(place, taste, interest):
    interest *= 1 - taste
    found, profile = ranked(place, **NOTHING_BESIDE, taste=taste, interest=interest)
    for post_id, vector in VECTORS.items():
        cosines = (
            vector @ profile.query,
            max(profile.interest_queries @ vector),
            max(profile.anchor_queries @ vector),
        )
        weights = (taste, interest, 1 - taste - interest)
        expected = sum(w * float(c) for w, c in zip(weights, cosines, strict=True))
        assert found[post_id].score == pytest.approx(expected, abs=1e-5)


def test_new_well_liked_and_liked_nearby_posts_gain_a_share_of_their_relevance(place):
    plain, _ = ranked(place, **NOTHING_BESIDE)
    found, _ = ranked(place, freshness=0.2, quality=0.3, neighbours=0.4, half_life_days=15)
    for post_id, one in found.items():
        size = abs(plain[post_id].score)
        newness = 0.25 if int(post_id[1:]) % 2 else 1.0
        assert part(one, ReasonKind.FRESHNESS) == pytest.approx(0.2 * newness * size)
    # bob and cid are near in so much as their cosines to ann
    nearby = part(found["p00"], ReasonKind.NEIGHBOURS) / abs(plain["p00"].score)
    assert 0.2 < nearby <= 0.4 and part(found["p07"], ReasonKind.NEIGHBOURS) == 0
    assert part(found["p00"], ReasonKind.QUALITY) > 0 > part(found["p05"], ReasonKind.QUALITY)
    assert part(found["p05"], ReasonKind.QUALITY) >= -0.3 * abs(plain["p05"].score)
    assert found["p05"].reactions == 20 and found["p07"].reactions == 0


def test_with_a_model_of_reactions_the_score_is_the_expected_value(place):
    values = {f"p{i:02d}": 0.5 - i / 100 for i in range(20)}
    found, _ = ranked(place, model=Model(values), **NOTHING_BESIDE)
    for post_id, value in values.items():
        one = found[post_id]
        assert one.score == pytest.approx(value)
        assert part(one, ReasonKind.USUAL) == pytest.approx(0.01)
        assert one.probabilities == {"approves": pytest.approx(value)}


def test_a_post_that_the_model_does_not_know_is_worth_what_like_posts_are(place):
    plain, _ = ranked(place, **NOTHING_BESIDE)
    likeness = {post_id: one.score for post_id, one in plain.items()}
    known = [f"p{i:02d}" for i in range(20)]
    found, _ = ranked(
        place, model=Model({id: 0.3 + 0.2 * likeness[id] for id in known}), **NOTHING_BESIDE
    )
    inside = (min(likeness[id] for id in known), max(likeness[id] for id in known))
    for post_id in (f"p{i:02d}" for i in range(20, 30)):
        like = np.clip(likeness[post_id], *inside)
        assert found[post_id].score == pytest.approx(0.3 + 0.2 * like, abs=1e-5)
    # what falls with likeness, or of which too little is known, tells nothing: the mean
    for few, sign in ((known, -1), (known[:5], 1)):
        values = {id: 0.3 + sign * 0.2 * likeness[id] for id in few}
        found, _ = ranked(place, model=Model(values), **NOTHING_BESIDE)
        assert found["p25"].score == pytest.approx(np.mean(list(values.values())), abs=1e-6)


@pytest.mark.parametrize("most", [2, 3, 9])
@pytest.mark.parametrize("with_model", [False, True])
def test_what_reasons_say_sums_to_the_score(place, most, with_model):
    model = Model({f"p{i:02d}": 0.5 - i / 100 for i in range(20)}) if with_model else None
    found, profile = ranked(place, model=model, freshness=0.3, interest=0.2)
    for one in found.values():
        reasons = why_post(one, profile, most)
        assert len(reasons) <= most
        assert sum(reason.contribution for reason in reasons) == pytest.approx(one.score)
        assert all(reason.text for reason in reasons)
        for reason in reasons:  # what speaks against a post isn't told as if it spoke for it
            if reason.contribution < 0:
                assert not reason.text.startswith(("like ", "matches ", "near "))


def test_of_someone_unknown_the_order_of_the_sources_speaks(place):
    found, _ = ranked(place, user="zoe")
    assert [one.score for one in found.values()] == [1 / (1 + i) for i in range(30)]
