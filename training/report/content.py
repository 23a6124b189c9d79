"""All that the page shows of a run, measured once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from training.assessment import embed_for
from training.errors import BadData
from training.evaluation.card import EvaluationCard, evaluation_card
from training.evaluation.retrieval import retrieval_per_query
from training.interests.landscape import Landscape, survey_if_public
from training.materials import Materials, gather_materials
from training.observer import SILENT, Observer
from training.report.drawings import draw_all
from training.report.retrieved import Gallery, galleries
from training.report.run_record import RunRecord
from training.space import Space
from training.tracking.server import Tracking

SPLIT = "test"


@dataclass(frozen=True)
class ReportContent:
    """What `page` writes down.

    Attributes:
        record: the run.
        materials: its data.
        card: its figures.
        galleries: queries with what came back, a direction each.
        rows: (N,) the evaluation posts, as rows of the data.
        drawings: name to data URI, see `draw_all`.
    """

    record: RunRecord
    materials: Materials
    card: EvaluationCard
    galleries: Sequence[Gallery]
    rows: np.ndarray
    drawings: Mapping[str, str]


def gather_content(
    record: RunRecord, tracking: Tracking, observer: Observer = SILENT
) -> ReportContent:
    """Load the run's model and data, and measure on the test posts.

    Raises: BadData if the source has changed since: posts that the model learned from could then be
        among those that it is asked for.
    """
    materials = gather_materials(
        record.config, tracking.workspace, observer, model_folder=record.model_folder
    )
    digest = materials.data.manifest.digest
    if record.data_digest and digest != record.data_digest:
        raise BadData(
            f"the data of run {record.name} has changed since: it was {record.data_digest}, "
            f"now it is {digest}",
            hint="report on a newer run, or bring the data of that time back",
        )
    observer.stage("Measuring on the held-out posts")
    space = Space.load(record.model_folder)
    landscape = survey_if_public(space, materials, tracking.workspace / "features")
    content = measure(record, space, materials, landscape)
    observer.stage("Drawing")
    embedded = embed_for(space, materials, SPLIT)
    drawings = draw_all(record, space, materials, embedded, content.card)
    return replace(content, drawings=drawings)


def measure(
    record: RunRecord, space: Space, materials: Materials, landscape: Landscape | None = None
) -> ReportContent:
    """Figures and examples of a space on the test posts of its data, still without drawings."""
    embedded = embed_for(space, materials, SPLIT)
    per_query = retrieval_per_query(embedded)
    return ReportContent(
        record=record,
        materials=materials,
        card=evaluation_card(
            space, materials, split=SPLIT, per_query=per_query, landscape=landscape
        ),
        galleries=galleries(embedded, per_query),
        rows=materials.examples.rows(SPLIT).numpy(),
        drawings={},
    )
