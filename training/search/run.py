"""A search: trials drawn, run side by side on one set of features, judged, recorded, resumable."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from training.checkpoint import owned
from training.disk import full_disk_in_words
from training.errors import BadConfig, Conflict, NotFound, TrainingFailed
from training.heartbeat import Heartbeat
from training.materials import gather_materials
from training.observer import SILENT, Observer
from training.run_config import RunConfig
from training.run_folder import RUN_NAME, fresh_name
from training.search import BEST
from training.search.config import SearchConfig
from training.search.outcome import Outcome, load_outcome, ranked
from training.search.picture import draw_search
from training.search.records import TrialRecords, recorded
from training.search.space import DEFAULT_SPACE, Dimension, draw, parse_space, with_values
from training.search.trial import Order
from training.search.tuning import run_trials
from training.tracking.run import TrackedRun, open_run
from training.tracking.server import Tracking

BASE, PLAN, TRIALS, TABLE, PICTURE = (
    "base.yaml",
    "search.yaml",
    "trials",
    "trials.json",
    "trials.png",
)


@dataclass(frozen=True)
class SearchResult:
    """What a search came to.

    Attributes:
        name: of the search's folder.
        folder: trials, table, picture, best configuration.
        mlflow_run_id: of the run above the trials'.
        space: what was searched.
        outcomes: of all trials, the best first.
        repeated: trials that a resume did not run again.
    """

    name: str
    folder: Path
    mlflow_run_id: str
    space: tuple[Dimension, ...]
    outcomes: tuple[Outcome, ...]
    repeated: int

    @property
    def best(self) -> Outcome:
        """Of the best validation score."""
        return self.outcomes[0]

    @property
    def best_config(self) -> Path:
        """YAML for `commonspace train --config`."""
        return self.folder / BEST


def search(
    base: RunConfig,
    entries: Mapping[str, Any],
    settings: SearchConfig,
    workspace: Path,
    *,
    name: str | None = None,
    resume: bool = False,
    new: bool = False,
    observer: Observer = SILENT,
) -> SearchResult:
    """Search for better settings of a training, by the validation score.

    Args:
        base: everything that isn't searched; encoders must be frozen.
        entries: field to distribution, as `parse_space` takes them; empty for the default space.
        settings: how many trials, how soon bad ones end.
        workspace: of clean data, features, and the searches' folders.
        name: of the search; made from the time if left out.
        resume: go on after a kill: trials that have ended are not run again, others go on from
            their checkpoints. Space and settings are those of the beginning.
        new: begin the named search anew.
        observer: sees the progress.

    Raises:
        BadConfig: of the space, naming the field and the nearest one; or encoders that are trained.
        Conflict, NotFound: as a training's.
        TrainingFailed: no trial came to a score.
    """
    if base.image_encoder.tuning != "frozen" or base.text_encoder.tuning != "frozen":
        raise BadConfig(
            "a search shares one set of features, so its encoders are frozen",
            hint="search with image_encoder.tuning=frozen and text_encoder.tuning=frozen",
        )
    folder = _folder(workspace, name or fresh_name().replace("run-", "search-"))
    hint = f"make room, then: commonspace tune --resume --name {folder.name}"
    with full_disk_in_words(folder, hint=hint), owned(folder) as token:
        if resume:
            base, entries, settings = _remembered(folder)
        space = parse_space(entries or DEFAULT_SPACE, base)
        drawn = draw(space, settings.trials, settings.seed, base)
        if not resume:
            _claim(folder, base, space, settings, new=new)
        tracking = Tracking(base.tracking, workspace)
        with open_run(tracking, folder, name=folder.name) as run:
            run.log_config(base)
            run.set_tags({f"space.{each.field}": str(each) for each in space})
            materials = gather_materials(base, workspace, observer)
            materials.examples.save(folder / "examples")
            orders = [
                Order(
                    number=number,
                    folder=folder / TRIALS / f"{number:03d}",
                    examples_folder=folder / "examples",
                    search_folder=folder,
                    token=token,
                    config=with_values(base, values).model_dump(mode="json"),
                    gpu=settings.gpus_per_trial > 0,
                )
                for number, values in enumerate(drawn)
            ]
            observer.stage(f"Searching: {len(orders)} trials")
            with TrialRecords(run, folder.name) as records, Heartbeat(folder, token):
                outcomes = _run(orders, drawn, settings, base, records, observer)
            return _conclude(folder, run, base, space, outcomes)


def _run(
    orders: Sequence[Order],
    drawn: Sequence[Mapping[str, Any]],
    settings: SearchConfig,
    base: RunConfig,
    records: TrialRecords,
    observer: Observer,
) -> list[tuple[Outcome, bool]]:
    """The outcome of each trial, and whether it is from before."""
    past, waiting, ids = [], [], {}
    for order in orders:
        order.folder.mkdir(parents=True, exist_ok=True)
        outcome = load_outcome(order.folder)
        if outcome is None or not recorded(order.folder):
            config = RunConfig.parse(order.config)
            ids[order.number] = records.begin(
                order.number, order.folder, config, drawn[order.number]
            )
        if outcome is None:
            waiting.append(order)
            continue
        past.append(outcome)
        if not recorded(order.folder):
            records.end(outcome)
    if past:
        observer.note(f"{len(past)} of {len(orders)} trials have ended before")
    ended = len(past)

    def end(outcome: Outcome) -> None:
        nonlocal ended
        ended += 1
        outcome = replace(
            outcome,
            values=dict(drawn[outcome.number]),
            mlflow_run_id=ids[outcome.number],
        )
        outcome.save(orders[outcome.number].folder)
        records.end(outcome)
        done.append(outcome)
        observer.note(said(outcome))
        observer.advance("trials", ended, len(orders))

    done: list[Outcome] = []
    if waiting:
        run_trials(waiting, past, settings, base.loop.epochs, records.follow, end)
    if len(past) + len(done) < len(orders):  # Ray Tune answers Ctrl-C with an early return
        name = orders[0].search_folder.name
        raise TrainingFailed(
            f"search {name!r} was interrupted after {ended} of {len(orders)} trials",
            hint=f"go on with: commonspace tune --resume --name {name}",
        )
    return [(each, True) for each in past] + [(each, False) for each in done]


def said(outcome: Outcome) -> str:
    """A line about a trial."""
    if outcome.ending == "failed":
        return f"trial {outcome.number} failed: {outcome.error}"
    return (
        f"trial {outcome.number} {outcome.ending} after {len(outcome.scores)} epochs, "
        f"best score {outcome.best:.4f} at epoch {outcome.best_epoch}"
    )


def _conclude(
    folder: Path,
    run: TrackedRun,
    base: RunConfig,
    space: tuple[Dimension, ...],
    outcomes: Sequence[tuple[Outcome, bool]],
) -> SearchResult:
    """Write the table, the picture and the best configuration, track them, and tidy up.

    What the trials read and their checkpoints go: no trial goes on any more, and the best
    configuration is trained anew.
    """
    order = ranked([outcome for outcome, _ in outcomes])
    if not order or not order[0].scores:
        errors = sorted({outcome.error for outcome in order if outcome.error})
        raise TrainingFailed(
            f"no trial of search {folder.name!r} came to a score: {'; '.join(errors)[:300]}",
            hint=f"mend the cause, then: commonspace tune --resume --name {folder.name}",
        )
    best = order[0]
    table = [asdict(outcome) | {"best": outcome.best} for outcome in order if outcome.scores]
    (folder / TABLE).write_text(json.dumps(table, indent=1), encoding="utf-8")
    (folder / BEST).write_text(with_values(base, best.values).to_yaml(), encoding="utf-8")
    draw_search(space, order, folder / PICTURE)
    for name in (TABLE, BEST, PICTURE):
        run.log_artifact(folder / name)
    for used_up in [folder / "examples", folder / "ray", *(folder / TRIALS).glob("*/checkpoints")]:
        shutil.rmtree(used_up, ignore_errors=True)
    run.log_metrics({"best/score": best.best, "best/trial": float(best.number)})
    return SearchResult(
        name=folder.name,
        folder=folder,
        mlflow_run_id=run.run_id,
        space=space,
        outcomes=tuple(order),
        repeated=sum(before for _, before in outcomes),
    )


def _folder(workspace: Path, name: str) -> Path:
    if not RUN_NAME.fullmatch(name):
        raise BadConfig(
            f"search name {name!r} is not usable",
            hint="use up to 100 letters, digits, dots, dashes and underscores",
        )
    return workspace.absolute() / "searches" / name


def _claim(
    folder: Path,
    base: RunConfig,
    space: Sequence[Dimension],
    settings: SearchConfig,
    *,
    new: bool,
) -> None:
    """Take the folder, and write down what a resume must know; under the folder's lock.

    Raises: Conflict if the name was used, unless it is to begin anew.
    """
    if (folder / PLAN).exists() and not new:
        raise Conflict(
            f"search {folder.name!r} has begun already",
            hint="--resume goes on with it, --new begins it anew, --name gives another name",
        )
    for child in (folder / TRIALS, folder / "examples", folder / "ray"):
        shutil.rmtree(child, ignore_errors=True)
    if new:
        (folder / "mlflow.json").unlink(missing_ok=True)
    (folder / BASE).write_text(base.to_yaml(), encoding="utf-8")
    plan = {
        "space": {each.field: str(each) for each in space},
        "settings": settings.model_dump(mode="json"),
    }
    (folder / PLAN).write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")


def _remembered(folder: Path) -> tuple[RunConfig, dict[str, Any], SearchConfig]:
    """What a search began with. Raises: NotFound if there is none."""
    try:
        plan = yaml.safe_load((folder / PLAN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        names = sorted(path.parent.name for path in folder.parent.glob(f"*/{PLAN}"))
        raise NotFound(
            f"there is no search {folder.name!r} to resume in {folder.parent}",
            hint=f"searches: {', '.join(names) or 'none'}",
        ) from None
    return RunConfig.load(folder / BASE), plan["space"], SearchConfig.parse(plan["settings"])
