from dataclasses import replace
from datetime import timedelta

from recsys.events.records import Post
from recsys.events.shadows import Shadow
from tests.recsys.world import BEGINNING

FIRST = Shadow(
    request_id="r0",
    experiment="ranks",
    variant="beside",
    position=0,
    user_id="ann",
    post_id="p0",
    score=0.25,
    propensity=0.5,
    model_version="7",
    computed_at=BEGINNING,
)


def shadow(number: int, **changes) -> Shadow:
    when = BEGINNING + timedelta(hours=number)
    return replace(FIRST, request_id=f"r{number}", computed_at=when, **changes)


def test_a_place_of_an_answer_is_logged_once(events):
    second = replace(FIRST, position=1, post_id="p1")
    assert events.shadows.add([FIRST, second, FIRST]) == 2
    assert events.shadows.add([FIRST, shadow(1)]) == 1
    assert events.shadows.add([]) == 0
    assert events.shadows.of("ann") == [shadow(1), FIRST, second]
    assert events.shadows.of("bob") == []


def test_a_variant_is_read_from_the_first_moment_to_before_the_last(events):
    log = [shadow(n, variant="beside" if n % 2 else "other") for n in range(12)]
    events.shadows.add(log)
    start, end = log[3].computed_at, log[9].computed_at
    found = events.shadows.since("ranks", "beside", start, end)
    assert list(found) == [log[3], log[5], log[7]]
    assert list(events.shadows.since("else", "beside", start, end)) == []


def test_shadows_forget_the_deleted_and_take_no_more_of_them(events):
    events.add_posts([Post("p/gone", "ann"), Post("of/gone", "gone"), Post("p", "ann")])
    log = [
        shadow(0, post_id="p/gone"),
        shadow(1, post_id="of/gone"),
        shadow(2, user_id="gone", post_id="p"),
        shadow(3, post_id="p"),
    ]
    assert events.shadows.add(log) == 4
    events.delete_post("p/gone")
    events.delete_person("gone")
    assert events.shadows.of("ann") == [log[3]]
    assert events.shadows.of("gone") == []
    assert events.shadows.add([replace(one, variant="again") for one in log]) == 1
