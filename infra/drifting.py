"""The drift of the configured data from what a model was trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.product import ProductConfig, open_tracking
from training.errors import NotFound
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from training.data.clean import CleanData
    from training.drift.report import DriftReport, Placed
    from training.tracking.versions import ModelVersion

CHAMPION = "champion"


@dataclass(frozen=True)
class Measured:
    """A drift report, and what its page draws.

    Attributes:
        report: figures and verdict.
        placed: posts and people in the champion's space; None without a champion.
    """

    report: "DriftReport"
    placed: "Placed | None"


def drift_of(
    config: ProductConfig,
    *,
    against: str = CHAMPION,
    observer: Observer = SILENT,
) -> Measured:
    """Prepare the configured data and compare it with an older state.

    Needs Ray where a post's features aren't cached yet; see `infra.product.services`.

    Args:
        config: of the product.
        against: `champion` for the data that it was trained on, a version or alias likewise, or a
            folder of clean data.
        observer: sees the progress.
    Raises: NotFound if there is no such model, or its data isn't in the workspace; BadData as
        `prepare`.
    """
    from training.data.prepare import prepare
    from training.drift.columns import Snapshot
    from training.drift.report import compare_snapshots, measure_drift
    from training.space import Space
    from training.tracking.gate import champion_of
    from training.tracking.registry import space_folder
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    folder = Path(against)
    if folder.is_dir():
        model, reference = champion_of(tracking), opened(folder)
    else:
        model = show_model(tracking, against)
        reference = data_of(config.workspace, model)
    observer.stage("Reading and checking the posts")
    current = prepare(config.data, config.split, config.workspace, progress=observer.advance)
    if model is None:
        snapshots = Snapshot.of(reference), Snapshot.of(current)
        return Measured(compare_snapshots(*snapshots, config.drift), None)
    files = space_folder(model, tracking)
    report, placed = measure_drift(
        reference,
        current,
        config.drift,
        space=Space.load(files),
        model_folder=files,
        model=str(model.version),
        run=config.run(),
        workspace=Path(config.workspace),
        observer=observer,
    )
    return Measured(report, placed)


def data_of(workspace: Path, model: "ModelVersion") -> "CleanData":
    """The clean data that a model was trained on. Raises: NotFound if it was cleared away."""
    try:
        return opened(Path(workspace) / "data" / model.data_digest)
    except NotFound:
        raise NotFound(
            f"the data of model version {model.version}, {model.data_digest}, isn't in {workspace}",
            hint="keep data/<digest> of the champion, or compare with another folder: "
            "commonspace drift --against FOLDER",
        ) from None


def opened(folder: Path) -> "CleanData":
    """A folder of clean data. Raises: NotFound."""
    from training.data.clean import CleanData

    return CleanData.open(folder)
