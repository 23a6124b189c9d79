from datetime import timedelta

import numpy as np
import pytest

from recsys.candidates import Request, sources
from recsys.candidates.asking import Asking
from recsys.candidates.rounds import rounds
from recsys.config import RecommendConfig
from recsys.events.boundaries import BoundaryKind
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
PEOPLE = {"ann": on_circle(90), "bob": on_circle(80), "cid": on_circle(120), "far": on_circle(-90)}
TWO = {"sources": ["taste", "related"]}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    with open_store(folder) as store, open_events(folder) as events:
        publish(store, "1", POSTS | MINE, PEOPLE)
        events.add_posts([*POSTS, *MINE])
        events.add_reactions([Reaction("cid", "p170", "like"), Reaction("far", "p100", "like")])
        yield store, events


def asking(place, user="ann", reacting=None, **settings) -> Asking:
    store, events = place
    config = RecommendConfig.parse(settings)
    profile = profile_of(user, events, store.live(), config)
    now = BEGINNING + timedelta(days=1)
    return Asking(profile, store.live(), events, config, now, reacting=reacting)


def ask(place, name: str, count: int, exclude=(), user="ann", **settings) -> list[str]:
    return sources[name](Request(asking(place, user, **settings), count, frozenset(exclude)))


def test_taste_is_what_is_near_the_person(place):
    assert ask(place, "taste", 3) == ["p090", "p080", "p100"]
    assert ask(place, "taste", 2, {"p090", "p100"}) == ["p080", "p070"]
    assert ask(place, "taste", 99) == ask(place, "taste", 17)  # own posts are not among them


@pytest.mark.parametrize("source", ["related", "interests"])
def test_each_interest_is_served_by_turns(place, source):
    found = ask(place, source, 4)
    assert set(found[:2]) == {"p010", "p170"}
    assert set(found) == {"p010", "p020", "p160", "p170"}


def test_related_starts_from_the_latest(place):
    latest = ask(place, "related", 4, candidates={"related_to": 1})
    assert latest == ["p010", "p020", "p030", "p040"]


def test_of_a_single_interest_the_person_says_all(place):
    assert ask(place, "interests", 4, interests={"likeness": 0}) == ask(place, "interests", 4)
    assert ask(place, "interests", 4, user="bob", interests={"likeness": 0}) == []


def test_fresh_and_popular_ask_the_database(place):
    _, events = place
    everything = {"candidates": {"count": 40, "general": 40}}
    assert ask(place, "fresh", 2, {"p010"}, **everything) == ["p020", "p030"]
    assert ask(place, "fresh", 10, candidates={"count": 40, "general": 8}) == ["p010", "p020"]
    assert ask(place, "popular", 9, **everything) == ["p100", "p170"]
    events.add_reactions([Reaction("zoe", "p100", "save"), Reaction("zoe", "p060", "hide")])
    assert ask(place, "popular", 9, {"p170"}, **everything) == ["p100"]


def test_neighbours_propose_what_they_liked_and_wrote_but_nobody_who_is_kept_apart(place):
    _, events = place
    found = asking(place)
    assert list(found.neighbours) == ["bob", "cid"]
    assert ask(place, "neighbours", 3)[:1] == ["p170"]  # cid's like; bob's own posts by turns
    shares = found.liked_nearby
    near = found.neighbours
    assert shares == {"p170": pytest.approx(near["cid"] / (near["bob"] + near["cid"]))}
    events.boundaries.put("ann", BoundaryKind.BLOCKED, "cid")
    try:
        assert list(asking(place).neighbours) == ["bob"] and asking(place).liked_nearby == {}
        latest = ask(place, "neighbours", 99, candidates={"neighbour_posts": 8})
        assert latest == ["p010", "p020", "p030", "p040"]  # half as many of their own
        events.boundaries.put("bob", BoundaryKind.BLOCKED, "ann")
        assert ask(place, "neighbours", 99) == []
        assert ask(place, "taste", 9) == []  # bob's posts aren't even asked for
    finally:
        events.boundaries.remove("ann", BoundaryKind.BLOCKED, "cid")
        events.boundaries.remove("bob", BoundaryKind.BLOCKED, "ann")


def test_reactions_ask_the_model_if_it_knows_the_person(place):
    class Model:
        silent = False

        def nearest(self, count, exclude):
            return [id for id in ("p040", "p050", "p060") if id not in exclude][:count]

    request = Request(asking(place, reacting=Model()), 4, frozenset({"p040"}))
    assert sources["reactions"](request) == ["p050", "p060"]
    assert ask(place, "reactions", 2) == []
    Model.silent = True
    assert sources["reactions"](request) == []
    # to somebody unknown it tells what people in general like
    stranger = Request(asking(place, "nobody", Model()), 2, frozenset())
    assert sources["popular"](stranger) == ["p040", "p050"]
    assert sources["popular"](Request(request.asking, 10, frozenset())) != ["p040", "p050", "p060"]


def test_rounds_ask_for_more_until_every_post_was_proposed_once(place):
    asked = list(rounds(asking(place, candidates=TWO | {"count": 2})))
    ids = [candidate.post_id for found in asked for candidate in found]
    assert len(asked) > 1
    assert sorted(ids) == sorted(post.post_id for post in POSTS)
    assert [c.place for found in asked for c in found] == list(range(len(POSTS)))
    first = {candidate.post_id: candidate.sources for candidate in asked[0]}
    assert first["p090"] == ("taste",) and first["p010"] == ("related",)


def test_an_unknown_source_is_named(place):
    with pytest.raises(BadConfig, match="did you mean 'taste'"):
        next(rounds(asking(place, candidates={"sources": ["tast"]})))


def test_one_round_asks_for_enough_for_a_long_answer(place):
    (first, *_) = rounds(asking(place, candidates={"count": 2}), k=10)
    assert {candidate.post_id for candidate in first} == {post.post_id for post in POSTS}


def test_all_vectors_of_proposals_come_with_one_search(place, monkeypatch):
    """Against the vectors fetched by id."""
    question, asked = asking(place, candidates=TWO), []
    view = question.view
    search = view.search
    monkeypatch.setattr(view, "search", lambda *args: asked.append(args) or search(*args))
    first = next(rounds(question))
    assert len(asked) == 1
    fetched = view.fetch(Target.POSTS, [candidate.post_id for candidate in first])
    for candidate in first:
        assert candidate.vector == pytest.approx(fetched[candidate.post_id], abs=1e-6)


def test_sources_speak_by_turns_and_a_post_names_all_who_proposed_it(place):
    (first, *_) = rounds(asking(place, candidates=TWO))
    assert [one.post_id for one in first[:3]] == ["p090", "p010", "p080"]
    assert {one.sources for one in first} == {("taste", "related")}  # all of them, in the end
