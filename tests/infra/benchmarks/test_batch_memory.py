import pytest

from infra.benchmarks.batch_memory import Step, run


@pytest.mark.parametrize("step", [Step(96, chunk=32), Step(96, cache_rows=40)])
def test_a_step_is_taken_and_its_memory_read(step):
    assert 0 < run(step) < 2**31
