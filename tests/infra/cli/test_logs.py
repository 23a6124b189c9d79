import json

import pytest

from infra.cli.output import note
from infra.cli.progress import LogProgress, progress
from training.log_config import LogConfig
from training.logs import open_logs


@pytest.fixture(autouse=True)
def closed():
    yield
    open_logs(LogConfig())


def test_where_logs_are_json_so_is_what_a_person_is_told(tmp_path, capsys) -> None:
    file = tmp_path / "log"
    open_logs(LogConfig(format="json", file=file))
    with progress() as observer:
        assert isinstance(observer, LogProgress)
        observer.stage("Encoding")
        for done in (1, 2):
            observer.advance("images", done, 2)
        observer.epoch(2, 10, {"loss/total": 1.5})
        observer.note("a champion")
    note("error: no such file")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [line["message"] for line in lines] == [
        "stage",
        "done",
        "epoch",
        "a champion",
        "no such file",
    ]
    assert lines[0]["stage"] == "Encoding" and lines[1]["count"] == 2
    assert lines[2]["metrics"] == {"loss/total": 1.5} and lines[4]["level"] == "error"
    assert capsys.readouterr().err == ""
