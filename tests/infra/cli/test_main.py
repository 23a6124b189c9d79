import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from infra.cli import main
from infra.cli.main import app
from tests.interrupts import interruptible
from training.errors import CommonspaceError, Refused

COMMONSPACE = [sys.executable, "-m", "infra.cli.main"]
HEAVY = {
    "ray",
    "torch",
    "mlflow",
    "pymilvus",
    "transformers",
    "pyarrow",
    "numpy",
    "pandas",
    "sqlalchemy",
    "pydantic",
    "rich",
}


def commands(group, above: tuple[str, ...] = ()) -> Iterator[list[str]]:
    """Every command that there is, as it is typed."""
    for command in group.registered_commands:
        yield [*above, command.name or command.callback.__name__]
    for inner in group.registered_groups:
        yield from commands(inner.typer_instance, (*above, inner.typer_instance.info.name))


def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMONSPACE, *arguments], capture_output=True, text=True, **options)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, infra.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & {name.partition(".")[0] for name in done.stdout.split()}


def test_the_entry_point_answers() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: commonspace ")
    assert not done.stderr


@pytest.mark.parametrize("command", list(commands(app)), ids=" ".join)
def test_every_command_has_help_with_examples(command: list[str]) -> None:
    result = CliRunner().invoke(app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Examples:\n" in result.stdout
    assert f"\n    commonspace {' '.join(command)}" in result.stdout  # lines kept as they are


def test_the_commands_are_there() -> None:
    known = {" ".join(command) for command in commands(app)}
    assert {"demo", "train", "data check", "models rollback", "jobs logs", "doctor"} <= known


def test_a_known_error_is_two_lines_and_its_code() -> None:
    done = run("train", "--set", "loop.epochz=3")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == ["error: loop.epochz: no such field; did you mean 'epochs'?"]


def test_a_hint_follows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def refuse(**options) -> None:
        raise Refused("no", hint="ask nicely")

    monkeypatch.setattr(main, "app", refuse)
    with pytest.raises(SystemExit) as left:
        main.main()
    assert left.value.code == Refused.exit_code
    assert capsys.readouterr().err == "error: no\nhint: ask nicely\n"


def test_an_unexpected_error_stays_loud(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**options) -> None:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(main, "app", broken)
    with pytest.raises(ZeroDivisionError):
        main.main()


def test_a_misspelt_option_is_a_usage_error() -> None:
    done = run("train", "--epochs", "3")
    assert done.returncode == 2
    assert "--epochs" in done.stderr
    assert "Traceback" not in done.stderr


def test_ctrl_c_ends_with_130() -> None:
    code = (
        "import infra.cli.options, infra.cli.train, infra.cli.main as m, time\n"
        "def slow(*a): print('in it', flush=True); time.sleep(60)\n"
        "infra.cli.train.configuration = slow\n"
        "import sys; sys.argv = ['commonspace', 'train']; m.main()"
    )
    with interruptible([sys.executable, "-c", code]) as process:
        assert process.stdout and process.stdout.readline() == "in it\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_errors_that_cross_processes_keep_their_code() -> None:
    ours = [
        kind for kind in CommonspaceError.__subclasses__() if kind.__module__ == "training.errors"
    ]
    kinds = [CommonspaceError, *ours]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert 130 not in codes
