"""The database's join against the same in plain Python."""

import tempfile
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.events import tombstones
from recsys.events.exposures import Exposure
from recsys.events.records import Reaction
from tests.recsys.world import BEGINNING, open_events

WINDOW_S = 600
WINDOW = timedelta(seconds=WINDOW_S)
LATER = BEGINNING + timedelta(days=30)
MOMENT = timedelta(microseconds=1)
VALUES = {"like": 1.0, "hide": -0.5}


def shown(user="ann", post="p", at=BEGINNING, variant="a", **more) -> Exposure:
    experiment = more.pop("experiment", "ranks")
    request = more.pop("request", f"{user}{at.isoformat()}{experiment}")
    return Exposure(
        exposure_id=tombstones.digest(user, post, at.isoformat(), experiment),
        request_id=request[:64],
        user_id=user,
        post_id=post,
        position=more.pop("position", 0),
        k=10,
        score=0.5,
        propensity=more.pop("propensity", 0.5),
        explored=False,
        experiment=experiment,
        variant=variant,
        model_version="7",
        sources=("taste",),
        shown_at=at,
    )


def of(events, ends=(LATER,), start=BEGINNING, now=LATER):
    return events.outcomes.of("ranks", start, ends, WINDOW_S, now)


def rewards(events, end=LATER):
    found = events.outcomes.each("ranks", BEGINNING, end, WINDOW_S, VALUES)
    return [(one.user_id, one.post_id, one.reward) for one in found]


def test_a_reaction_counts_from_the_moment_of_showing_to_before_the_windows_end(events):
    at = BEGINNING + timedelta(milliseconds=999, microseconds=999)  # fractions must not be rounded
    times = {
        "before": at - MOMENT,
        "first": at,
        "last": at + WINDOW - MOMENT,
        "after": at + WINDOW,
    }
    events.exposures.add([shown(post=post, at=at) for post in times] + [shown(post="x", at=at)])
    events.add_reactions(
        [Reaction("ann", post, "like", None, when) for post, when in times.items()]
    )
    events.add_reactions([Reaction("ann", "x", "like")])  # nobody knows when
    found = of(events).variants["a"]
    assert found.exposures.tolist() == [[5]]
    assert found.hits["like"].tolist() == [[2]]
    worth = {post: reward for _, post, reward in rewards(events)}
    assert worth == {"before": 0, "first": 1, "last": 1, "after": 0, "x": 0}


def test_a_reaction_belongs_to_the_last_showing_before_it_in_whatever_experiment(events):
    again, minute = BEGINNING + timedelta(minutes=5), timedelta(minutes=1)
    events.exposures.add([shown(), shown(at=again, variant="a", experiment="other")])
    events.add_reactions([Reaction("ann", "p", "like", None, again + minute)])
    assert of(events).variants["a"].hits == {}
    events.add_reactions([Reaction("ann", "p", "save", None, BEGINNING + minute)])
    assert of(events).variants["a"].hits["save"].tolist() == [[1]]


def test_a_kind_counts_once_per_exposure(events):
    events.exposures.add([shown()])
    after = [BEGINNING + timedelta(seconds=n) for n in range(3)]
    events.add_reactions([Reaction("ann", "p", "like", None, when) for when in after])
    events.add_reactions([Reaction("ann", "p", "hide", None, after[0])])
    found = of(events).variants["a"].hits
    assert {kind: hits.tolist() for kind, hits in found.items()} == {"like": [[1]], "hide": [[1]]}
    assert rewards(events) == [("ann", "p", 0.5)]


def test_what_was_shown_less_than_a_window_ago_is_pending(events):
    now = BEGINNING + timedelta(hours=1)
    events.exposures.add([shown(at=now - WINDOW), shown(post="q", at=now - WINDOW + MOMENT)])
    found = of(events, now=now)
    assert (found.variants["a"].exposures.sum(), found.pending) == (1, 1)


def test_who_was_shown_two_variants_is_in_none(events):
    hour = timedelta(hours=1)
    events.exposures.add(
        [shown(), shown(at=BEGINNING + hour, variant="b"), shown("bob", variant="b")]
    )
    events.add_reactions([Reaction("ann", "p", "like", None, BEGINNING)])
    found = of(events)
    assert found.mixed == 1
    assert (found.variants["a"].people, found.variants["b"].people) == (0, 1)
    assert all(not hits.any() for hits in found.variants["a"].hits.values())


def test_the_span_of_an_experiment(events):
    assert events.outcomes.span("ranks") is None
    last = BEGINNING + timedelta(days=3)
    events.exposures.add([shown(at=last), shown(), shown(experiment="other", at=LATER)])
    assert events.outcomes.span("ranks") == (BEGINNING, last)


def test_nothing_shown_nothing_found(events):
    found = of(events)
    assert (found.variants, found.mixed, found.pending) == ({}, 0, 0)
    assert rewards(events) == []


seconds = st.integers(0, 3000)
rows = st.tuples(st.sampled_from("ab"), st.sampled_from("pq"), seconds)


@settings(max_examples=25, deadline=None)
@given(
    log=st.lists(st.tuples(rows, st.sampled_from(["ranks", "other"])), max_size=12),
    done=st.lists(st.tuples(rows, st.sampled_from(["like", "hide", "view"])), max_size=12),
)
def test_the_join_is_the_plain_one(log, done):
    variant = {"a": "control", "b": "new"}
    exposures = list(
        {
            one.exposure_id: one
            for (user, post, second), experiment in log
            for one in [
                shown(
                    user,
                    post,
                    BEGINNING + timedelta(seconds=second),
                    variant[user],
                    experiment=experiment,
                )
            ]
        }.values()
    )
    reactions = [
        Reaction(user, post, kind, None, BEGINNING + timedelta(seconds=second))
        for (user, post, second), kind in done
    ]
    middle = BEGINNING + timedelta(seconds=1500)
    with tempfile.TemporaryDirectory() as folder, open_events(Path(folder)) as events:
        events.exposures.add(exposures)
        events.add_reactions(reactions)
        found = of(events, ends=(middle, LATER))
        listed = Counter(rewards(events))
    counts, worth = _plain(exposures, reactions, middle)
    for name, outcomes in found.variants.items():
        assert outcomes.exposures.tolist() == [counts[name, "shown"].tolist()]
        for kind in ("like", "hide", "view"):
            hits = outcomes.hits.get(kind, np.zeros((1, 2), int))
            assert hits.tolist() == [counts[name, kind].tolist()]
    assert listed == worth


def _plain(exposures, reactions, middle: datetime):
    """Per variant and kind (2,) counts by period, and (person, post, reward) of each exposure."""
    counts: dict = defaultdict(lambda: np.zeros(2, int))
    kinds: dict[str, set[str]] = defaultdict(set)
    for reaction in reactions:
        before = [
            one
            for one in exposures
            if (one.user_id, one.post_id) == (reaction.user_id, reaction.post_id)
            and one.shown_at <= reaction.created_at
        ]
        last = max((one.shown_at for one in before), default=None)
        for one in before:
            if one.shown_at == last and reaction.created_at < one.shown_at + WINDOW:
                kinds[one.exposure_id].add(reaction.kind)
    worth: Counter = Counter()
    for one in exposures:
        if one.experiment == "ranks":
            period = int(one.shown_at >= middle)
            for kind in ["shown", *kinds[one.exposure_id]]:
                counts[one.variant, kind][period] += 1
            reward = sum(VALUES.get(kind, 0) for kind in kinds[one.exposure_id])
            worth[one.user_id, one.post_id, reward] += 1
    return counts, worth
