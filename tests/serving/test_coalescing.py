import asyncio

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.calls import Busy
from serving.coalescing import Coalescing
from training.errors import BadData, Unavailable


class Encoder:
    """Embeds numbers as themselves; notes how it was called."""

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.error = error

    async def __call__(self, version: str, raw: list[int]) -> np.ndarray:
        self.calls.append((version, raw))
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        if any(number < 0 for number in raw):
            raise BadData("below zero")
        return np.array([[number, len(version)] for number in raw], dtype=np.float32)


def ask(encoder: Encoder, asks, waiting: int = 10_000, **limits):
    async def main():
        coalescing = Coalescing(encoder, batch=8, wait_s=0.001, waiting=waiting, **limits)
        each = (coalescing.embed(version, raw) for version, raw in asks)
        return await asyncio.gather(*each, return_exceptions=True)

    return asyncio.run(main())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1", "22"]), st.lists(st.integers(-1, 99), min_size=1, max_size=20)
        ),
        max_size=30,
    ),
    st.integers(1, 3),
)
def test_everyone_gets_their_own_rows_in_their_order(asks, at_once):
    encoder = Encoder()
    for (version, raw), answer in zip(asks, ask(encoder, asks, at_once=at_once), strict=True):
        if min(raw) < 0:
            assert isinstance(answer, BadData)
        else:
            assert answer.tolist() == [[number, len(version)] for number in raw]
    assert all(len(raw) <= 8 for _, raw in encoder.calls)


def test_small_requests_travel_together():
    encoder = Encoder()
    ask(encoder, [("1", [number]) for number in range(64)])
    assert len(encoder.calls) == 8


def test_one_bad_content_spoils_no_other():
    answers = ask(Encoder(), [("1", [1]), ("1", [-1]), ("1", [2])])
    assert answers[0].tolist() == [[1, 1]] and answers[2].tolist() == [[2, 1]]
    assert isinstance(answers[1], BadData)


def test_too_many_that_wait_are_told_so():
    answers = ask(Encoder(), [("1", [1] * 6), ("1", [2] * 6)], waiting=10)
    assert len(answers[0]) == 6 and isinstance(answers[1], Busy)


def test_an_encoder_that_is_away_fails_all_who_wait():
    answers = ask(Encoder(Unavailable("away")), [("1", [1]), ("1", [2])])
    assert all(isinstance(answer, Unavailable) for answer in answers)


def test_who_gave_up_is_passed_over_and_the_rest_go_on():
    encoder = Encoder()

    async def main():
        coalescing = Coalescing(encoder, batch=8, wait_s=0.01)
        impatient = asyncio.create_task(coalescing.embed("1", [1]))
        patient = asyncio.create_task(coalescing.embed("1", [2]))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert asyncio.run(main()).tolist() == [[2, 1]]
    assert encoder.calls == [("1", [2])]
