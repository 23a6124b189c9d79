"""`make bench-recsys`: how good the recommender is among the usual baselines, and how fast.

The shipped posts are measured by hidden own posts. Films are measured by reactions if a folder of
MovieLens is given: its licence doesn't let it be shipped (https://grouplens.org/datasets/movielens).
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.evaluated import own_post_claims, reaction_claims
from infra.benchmarks.lasting import forgotten, killed, latency, nearest_posts
from infra.cli.evaluate import compare
from infra.cli.output import note, rendered
from infra.cli.progress import progress
from infra.product import load_config, services
from recsys.evaluation.config import EvaluationConfig
from recsys.evaluation.plots import report_plots
from recsys.evaluation.tables import report_tables
from training.data.config import SAMPLE
from training.errors import CommonspaceError
from training.reactions.movielens import convert

COMMAND = "make bench-recsys"
_ASKED = 200
"""People of the films who are asked for, of each split: every one of them many times over."""
_DEMO = Path("build/demo/workspace")

Measure = Callable[[Path, Path | None], list[Claim]]
"""Scratch folder and folder of MovieLens, if there is one, to figures."""


def main(to: Path, scratch: Path, films: Path | None, *only: str) -> int:
    """Measure everything, or `only` some of it, and write the figures; the exit code."""
    measures: tuple[Measure, ...] = (
        own_posts,
        reactions,
        speed,
        nearest,
        kills,
        deletion,
    )
    scratch.mkdir(parents=True, exist_ok=True)
    chosen = [measure for measure in measures if not only or measure.__name__ in only]
    for number, measure in enumerate(chosen):
        note(f"{measure.__name__}: {(measure.__doc__ or '').splitlines()[0]}")
        found = measure(scratch, films)
        for line in lines(found):
            note(f"  {line}")
        write_claims(found, to, keep=bool(only) or number > 0)
    return 0


def own_posts(scratch: Path, films: Path | None) -> list[Claim]:
    """Hidden posts of the shipped people, among those of all people."""
    found = _report(SAMPLE, "openclipart", scratch, EvaluationConfig(), curve=True)
    return own_post_claims("Openclipart", found, COMMAND)


def reactions(scratch: Path, films: Path | None) -> list[Claim]:
    """Held-out ratings of films, by date and by person."""
    if films is None:
        note("  left out: give FILMS=<folder of ml-latest-small> to measure reactions")
        return []
    place = scratch / "films"
    if not (place / "posts.parquet").exists():
        convert(films, place)
    found = _report(str(place), "films", scratch, EvaluationConfig(people=_ASKED), curve=False)
    return reaction_claims("ml-latest-small", found, COMMAND)


def speed(scratch: Path, films: Path | None) -> list[Claim]:
    """A recommendation with all sources on, beside its bare search."""
    return latency(scratch)


def nearest(scratch: Path, films: Path | None) -> list[Claim]:
    """Approximate search against exact, among 50,000 and 500,000 posts."""
    return nearest_posts(scratch)


def kills(scratch: Path, films: Path | None) -> list[Claim]:
    """Kills during ingestion and re-index; writers beside readers."""
    return killed(scratch)


def deletion(scratch: Path, films: Path | None) -> list[Claim]:
    """A person of the demo's workspace is forgotten, and looked for in every byte."""
    return forgotten(scratch, _DEMO)


def _report(place: str, name: str, scratch: Path, config: EvaluationConfig, *, curve: bool) -> dict:
    """Evaluate a data set; tables to the terminal, report and pictures into the scratch folder."""
    settings = load_config(None, (), scratch / "workspace")
    with services(settings), progress() as observer:
        outcome = compare(place, settings, config, observer, curve=curve)
    report = scratch / f"{name}.json"
    report.write_text(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    report_plots(outcome, scratch / name)
    note(rendered(report_tables(outcome), width=130))
    return outcome


if __name__ == "__main__":
    to, scratch = Path(sys.argv[1]), Path(sys.argv[2])
    films = Path(sys.argv[3]) if sys.argv[3:] and sys.argv[3] else None
    try:
        sys.exit(main(to, scratch, films, *sys.argv[4:]))
    except CommonspaceError as error:
        note(f"error: {error.message}")
        sys.exit(error.exit_code)
