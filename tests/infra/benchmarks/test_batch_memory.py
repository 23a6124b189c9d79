from infra.benchmarks.batch_memory import Step, measure


def test_a_step_is_taken_in_a_process_of_its_own_and_its_memory_read():
    assert 0 < measure(Step(96, chunk=32, cache_rows=40)) < 2**31
