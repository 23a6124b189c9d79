import json
import logging

import pytest

from training import logs
from training.errors import BadConfig
from training.log_config import LogConfig
from training.logs import bound, open_logs


@pytest.fixture(autouse=True)
def closed():
    yield
    open_logs(LogConfig())


def lines(file) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_an_event_is_one_line_with_the_ids_that_are_bound(tmp_path):
    file = tmp_path / "logs" / "all.jsonl"
    open_logs(LogConfig(format="json", file=file), "gateway")
    log = logging.getLogger("training.something")
    with bound(run_id="r1", request_id=None), bound(job_id="j1"):
        log.info("two\nlines of %s", "it", extra={"fields": {"epoch": 3}})
    log.debug("not this")
    try:
        raise ValueError("a fault")
    except ValueError:
        log.exception("broken")
    first, second = lines(file)
    assert first["message"] == "two\nlines of it" and first["level"] == "info"
    assert (first["run_id"], first["job_id"], first["epoch"]) == ("r1", "j1", 3)
    assert first["part"] == "gateway" and "request_id" not in first
    assert "run_id" not in second and second["error"] == "ValueError"
    assert "a fault" in second["traceback"]


def test_people_get_plain_lines_and_the_defaults_change_nothing(capsys, tmp_path):
    before = list(logging.getLogger().handlers)
    open_logs(LogConfig())
    assert logging.getLogger().handlers == before and not logs.as_json()
    open_logs(LogConfig(level="WARNING"))
    with bound(run_id="r1"):
        logging.getLogger("recsys.x").warning("look")
        logging.getLogger("recsys.x").info("not this")
    assert capsys.readouterr().err.rstrip().endswith("WARNING recsys.x: look  [run_id=r1]")
    open_logs(LogConfig(format="json", file=tmp_path / "a"))
    assert logs.as_json()
    open_logs(LogConfig())
    assert logging.getLogger().handlers == before


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfig, match=r"logs\.file"):
        open_logs(LogConfig(file=tmp_path / "file" / "log"))
