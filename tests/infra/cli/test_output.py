import json
import sys

import pytest

from infra.cli.output import results, shorten, table


def test_only_the_result_reaches_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with results(as_json=True) as show:
        print("a library talks")
        show({"title": "Kätzchen", "n": [1, None]}, text="never seen")
        print("and goes on", file=sys.stdout)
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"title": "Kätzchen", "n": [1, None]}
    assert printed.out.count("\n") == 1  # one line, so that it can be found in a log
    assert printed.err == "a library talks\nand goes on\n"


def test_people_get_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    with results(as_json=False) as show:
        show({}, text="two\nlines")
    assert capsys.readouterr().out == "two\nlines\n"


def test_stdout_is_back_after_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), results(as_json=True):
        raise ValueError
    print("again")
    assert capsys.readouterr().out == "again\n"


def test_columns() -> None:
    rows = [("[red]a[/red]", 1, 0.5, None), ("日本", 22, 0.25, "x " * 200)]
    first, second, third = table(("name", "n", "score", "more"), rows).splitlines()
    assert first.split() == ["name", "n", "score", "more"]
    assert second == "[red]a[/red]   1  0.500"  # no markup is read, numbers stand to the right
    assert third.startswith("日本          22  0.250  x x x")  # wide characters take two places
    assert third.endswith("x x")  # nothing is cut or wrapped
    assert table(("name",), []) == "name"


def test_shortening() -> None:
    assert shorten("one\n two\tthree", 20) == "one two three"
    assert shorten("abcdefgh", 5) == "abcd…"
    assert shorten("abcde", 5) == "abcde"
