from types import SimpleNamespace

import pytest

from infra.cli.train import is_champion
from training.tracking.gate import Decision


@pytest.mark.parametrize(
    ("promoted", "champion", "expected"),
    [(True, None, True), (True, 1, True), (False, 2, True), (False, 1, False)],
)
def test_a_resumed_run_whose_model_is_champion_says_so(promoted, champion, expected):
    """The gate promotes it once; asked again, it says that there is nothing to promote."""
    decision = Decision(promoted, 2, champion, 0.5, None, "it is the champion already")
    done = SimpleNamespace(decision=decision, model_version=2)
    assert is_champion(done) is expected  # type: ignore[arg-type]
