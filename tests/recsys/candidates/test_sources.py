import numpy as np
import pytest

from recsys.candidates import Request, sources
from recsys.candidates.rounds import rounds
from recsys.config import RecommendConfig
from recsys.events.records import Post, Reaction
from recsys.profiles import profile_of
from recsys.versions import Target
from tests.recsys.world import BEGINNING, open_events, open_store, publish
from training.errors import BadConfig


def on_circle(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([np.cos(angle), np.sin(angle)], np.float32)


POSTS = {Post(f"p{d:03d}", "bob", created_at=BEGINNING): on_circle(d) for d in range(10, 180, 10)}
MINE = {Post("mine/0", "ann"): on_circle(0), Post("mine/180", "ann"): on_circle(180)}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    with open_store(folder) as store, open_events(folder) as events:
        publish(store, "1", POSTS | MINE, {"ann": on_circle(90)})
        events.add_posts([*POSTS, *MINE])
        yield store, events


def ask(place, name: str, count: int, exclude=(), user="ann", **settings) -> list[str]:
    store, events = place
    config = RecommendConfig.parse(settings)
    profile = profile_of(user, events, store.live(), config)
    return sources[name](Request(profile, store.live(), events, config, count, frozenset(exclude)))


def test_taste_is_what_is_near_the_person(place):
    assert ask(place, "taste", 3) == ["p090", "p080", "p100"]
    assert ask(place, "taste", 2, {"p090", "p100"}) == ["p080", "p070"]
    assert ask(place, "taste", 99) == ask(place, "taste", 17)  # own posts are not among them


def test_related_serves_each_interest_by_turns(place):
    found = ask(place, "related", 4)
    assert set(found[:2]) == {"p010", "p170"}
    assert set(found) == {"p010", "p020", "p160", "p170"}
    latest = ask(place, "related", 4, candidates={"related_to": 1})
    assert latest == ["p010", "p020", "p030", "p040"]


def test_fresh_and_popular_ask_the_database(place):
    _, events = place
    assert ask(place, "fresh", 2, {"p010"}) == ["p020", "p030"]
    assert ask(place, "popular", 2) == []
    events.add_reactions([Reaction("zoe", "p050", "like"), Reaction("zoe", "p060", "hide")])
    assert ask(place, "popular", 2) == ["p050"]


def test_rounds_ask_for_more_until_every_post_was_proposed_once(place):
    store, events = place
    config = RecommendConfig.parse({"candidates": {"count": 2}})
    profile = profile_of("ann", events, store.live(), config)
    asked = list(rounds(profile, store.live(), events, config))
    ids = [candidate.post_id for found in asked for candidate in found]
    assert len(asked) > 1
    assert sorted(ids) == sorted(post.post_id for post in POSTS)
    assert [c.place for found in asked for c in found] == list(range(len(POSTS)))
    first = {candidate.post_id: candidate.sources for candidate in asked[0]}
    assert first["p090"] == ("taste",) and first["p010"] == ("related",)


def test_an_unknown_source_is_named(place):
    store, events = place
    config = RecommendConfig.parse({"candidates": {"sources": ["tast"]}})
    profile = profile_of("ann", events, store.live(), config)
    with pytest.raises(BadConfig, match="did you mean 'taste'"):
        next(rounds(profile, store.live(), events, config))


def test_one_round_asks_for_enough_for_a_long_answer(place):
    store, events = place
    config = RecommendConfig.parse({"candidates": {"count": 2}})
    profile = profile_of("ann", events, store.live(), config)
    (first, *_) = rounds(profile, store.live(), events, config, k=10)
    assert {candidate.post_id for candidate in first} == {post.post_id for post in POSTS}


def test_all_vectors_of_proposals_come_with_one_search(place, monkeypatch):
    """Against the vectors fetched by id."""
    store, events = place
    view, config, asked = store.live(), RecommendConfig(), []
    profile = profile_of("ann", events, view, config)
    search = view.search
    monkeypatch.setattr(view, "search", lambda *args: asked.append(args) or search(*args))
    first = next(rounds(profile, view, events, config))
    assert len(asked) == 1
    fetched = view.fetch(Target.POSTS, [candidate.post_id for candidate in first])
    for candidate in first:
        assert candidate.vector == pytest.approx(fetched[candidate.post_id], abs=1e-6)
