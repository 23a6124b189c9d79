"""A model of the tracker with its data, ready to look around in."""

from dataclasses import dataclass

from training.interests.landscape import Landscape, survey
from training.materials import Materials, gather_materials
from training.observer import SILENT, Observer
from training.report.run_record import RunRecord
from training.space import Space
from training.tracking.server import Tracking


@dataclass(frozen=True)
class Surveyed:
    """What commands read words, tags and communities from.

    Attributes:
        record: the run that trained the model.
        materials: the data that it was trained with, as it is now.
        landscape: its training posts in the model's space.
        changed: whether the data has changed since the training.
    """

    record: RunRecord
    materials: Materials
    landscape: Landscape
    changed: bool

    @property
    def title(self) -> str:
        """What a person calls the model."""
        version = self.record.version
        return f"model version {version.version}" if version else f"run {self.record.name}"


def survey_model(tracking: Tracking, record: RunRecord, observer: Observer = SILENT) -> Surveyed:
    """Load a run's model and data, and embed the public training posts and all people.

    Args:
        tracking: the server, with the workspace.
        record: see `find_run`.
        observer: sees the progress; it is told if the data is no longer that of the training.
    Raises: BadData as `gather_materials` and `Space.load`.
    """
    materials = gather_materials(
        record.config, tracking.workspace, observer, model_folder=record.model_folder
    )
    changed = bool(record.data_digest) and materials.data.manifest.digest != record.data_digest
    if changed:
        observer.note("the data has changed since the training; new people stand by their posts")
    observer.stage("Looking at what is where in the space")
    space = Space.load(record.model_folder)
    landscape = survey(space, materials, tracking.workspace / "features")
    return Surveyed(record, materials, landscape, changed)
