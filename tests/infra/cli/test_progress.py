import io

import pytest

from infra.cli import progress as module
from infra.cli.progress import LineProgress, figures, progress

METRICS = {"validation/user_to_text": 0.5, "loss/total": 1.23456, "validation/score": 0.4}


def test_a_log_gets_lines(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    with progress() as observer:
        assert isinstance(observer, LineProgress)
        observer.stage("Encoding")
        for done in range(1, 101):
            now[0] += 0.3  # 30 s for all: a line after 10 and 20 s, and the last
            observer.advance("images", done, 100)
        now[0] += 10
        observer.advance("lines", 7, 0)  # nobody knows of how many
        observer.epoch(2, 10, METRICS)
        observer.note("a champion")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "Encoding",
        "  images: 34 of 100, 3.33/s, 20 s left",
        "  images: 68 of 100, 3.33/s, 10 s left",
        "  images: 100 of 100, 3.33/s",
        "  lines: 7",
        "  epoch 2 of 10  validation/score 0.4  loss/total 1.235  validation/user_to_text 0.5",
        "  a champion",
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    with progress() as observer:
        observer.stage("Training [fast]")
        observer.epoch(1, 4, METRICS)
        observer.epoch(2, 4, METRICS)
        observer.note("[3] is no markup")
    shown = terminal.getvalue()
    assert "Training [fast]" in shown
    assert "2/4" in shown
    assert "validation/score 0.4" in shown
    assert "[3] is no markup" in shown


def test_the_score_comes_first_and_few_follow() -> None:
    many = {f"validation/{number}": 1.0 for number in range(9)} | METRICS
    assert figures(many).startswith("validation/score 0.4  loss/total 1.235  validation/0 1")
    assert figures(many).count("  ") == 4
