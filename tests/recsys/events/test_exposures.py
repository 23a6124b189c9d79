from dataclasses import replace
from datetime import timedelta

import pytest

from recsys.events.exposures import Exposure
from recsys.events.records import Post
from tests.recsys.world import BEGINNING, open_events

SHOWN = Exposure(
    exposure_id="e0",
    request_id="r0",
    user_id="ann",
    post_id="p0",
    position=0,
    k=10,
    score=0.25,
    propensity=0.125,
    explored=True,
    experiment="ranks",
    variant="b",
    model_version="7",
    sources=("taste", "fresh"),
    shown_at=BEGINNING,
)


@pytest.fixture
def events(tmp_path):
    with open_events(tmp_path) as events:
        yield events


def shown(number: int, **changes) -> Exposure:
    when = BEGINNING + timedelta(hours=number)
    return replace(SHOWN, exposure_id=f"e{number}", shown_at=when, **changes)


def test_what_was_shown_is_logged_once(events):
    second = shown(1, experiment=None, variant=None, sources=())
    assert events.exposures.add([SHOWN, second, SHOWN]) == 2
    assert events.exposures.add([SHOWN, shown(2)]) == 1
    assert events.exposures.add([]) == 0
    assert events.exposures.of("ann") == [shown(2), second, SHOWN]
    assert events.exposures.of("bob") == []


def test_an_experiment_is_read_from_the_first_moment_to_before_the_last(events):
    log = [shown(n, experiment="ranks" if n % 2 else "other") for n in range(12)]
    events.exposures.add(log)
    start, end = log[3].shown_at, log[9].shown_at
    assert list(events.exposures.since("ranks", start, end)) == [log[3], log[5], log[7]]
    assert list(events.exposures.since(None, start, end)) == log[3:9]
    assert list(events.exposures.since("none", start, end)) == []


def test_the_log_forgets_the_deleted_and_takes_no_more_of_them(events, tmp_path):
    events.add_posts([Post("p/gone", "ann"), Post("of/gone", "gone"), Post("p", "ann")])
    log = [
        shown(0, post_id="p/gone"),
        shown(1, post_id="of/gone"),
        shown(2, user_id="gone", post_id="p"),
        shown(3, post_id="p"),
    ]
    assert events.exposures.add(log) == 4
    events.delete_post("p/gone")
    events.delete_person("gone")
    assert list(events.exposures.since(None, BEGINNING, BEGINNING + timedelta(days=1))) == [log[3]]
    assert (
        events.exposures.add([replace(one, exposure_id="n" + one.exposure_id) for one in log]) == 1
    )
    events.close()
    assert b"gone" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
