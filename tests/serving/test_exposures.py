import asyncio
from datetime import UTC, datetime

from recsys.events.exposures import Exposure
from serving.exposures import ExposureLog
from serving.prometheus import PrometheusRecorder
from tests.recsys.world import BEGINNING, open_events

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def exposure(place: int, request_id: str = "r1") -> Exposure:
    return Exposure(
        exposure_id=f"{request_id}-{place}",
        request_id=request_id,
        user_id="ann",
        post_id=f"post/{place:03d}",
        position=place,
        k=3,
        score=1 - place / 10,
        propensity=0.9,
        explored=False,
        experiment=None,
        variant=None,
        model_version="3",
        sources=("taste",),
        shown_at=NOW,
    )


def counts(recorder: PrometheusRecorder) -> dict[str, float]:
    outcomes = ("written", "dropped", "failed")
    name = "commonspace_exposures_total"
    return {
        one: recorder.registry.get_sample_value(name, {"outcome": one}) or 0.0 for one in outcomes
    }


def test_the_log_ends_up_in_the_database_once(tmp_path):
    recorder = PrometheusRecorder()
    with open_events(tmp_path) as events:

        async def write(batch):
            await asyncio.to_thread(events.exposures.add, batch)

        async def run():
            log = ExposureLog(write, recorder, linger_s=0.01)
            for _ in range(2):
                log.add([exposure(place) for place in range(4)])
            await asyncio.sleep(0.3)
            log.add([exposure(0, "r2")])  # the loop of the log begins anew
            await asyncio.sleep(0.3)

        asyncio.run(run())
        stored = events.exposures.of("ann")
    assert {(one.request_id, one.position) for one in stored} == {
        *(("r1", place) for place in range(4)),
        ("r2", 0),
    }
    assert len(stored) == 5 and stored[0].shown_at == NOW > BEGINNING
    assert counts(recorder) == {"written": 9, "dropped": 0, "failed": 0}


def test_a_full_queue_drops_whole_answers_and_counts_them():
    recorder, written = PrometheusRecorder(), []

    async def write(batch):
        written.extend(batch)

    async def run():
        log = ExposureLog(write, recorder, most=5, linger_s=0.01)
        for request in ("a", "b", "c"):
            log.add([exposure(place, request) for place in range(3)])
        log.add([])
        await asyncio.sleep(0.2)

    asyncio.run(run())
    assert {one.request_id for one in written} == {"a"} and len(written) == 3
    assert counts(recorder) == {"written": 3, "dropped": 6, "failed": 0}


def test_what_can_not_be_written_is_counted_and_the_next_is_written():
    recorder, calls = PrometheusRecorder(), []

    async def write(batch):
        calls.append(len(batch))
        if len(calls) == 1:
            raise OSError("the disk is full")

    async def run():
        log = ExposureLog(write, recorder, linger_s=0.01)
        log.add([exposure(0), exposure(1)])
        await asyncio.sleep(0.1)
        log.add([exposure(2)])
        await asyncio.sleep(0.2)

    asyncio.run(run())
    assert calls == [2, 1]
    assert counts(recorder) == {"written": 1, "dropped": 0, "failed": 2}
