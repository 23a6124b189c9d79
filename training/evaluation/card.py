"""The evaluation card: what a registered model is worth, how that was measured, and for whom."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from training.assessment import Retrieval, authored, embed_for
from training.evaluation.baselines import baselines
from training.evaluation.card_text import card_markdown
from training.evaluation.degradation import Degradation, degradation
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.gap import modality_gap
from training.evaluation.intervals import Interval
from training.evaluation.protocol import Protocol, protocol_of
from training.evaluation.query_intervals import query_intervals
from training.evaluation.retrieval import QueryResults, retrieval_per_query
from training.evaluation.slices import SliceResults, slice_results, slices_of
from training.interests.landscape import Landscape
from training.interests.precision import Figures, tag_figures
from training.materials import Materials
from training.space import Space
from training.tracking.run import TrackedRun
from training.tracking.server import Tracking

if TYPE_CHECKING:
    from mlflow import MlflowClient

FORMAT = 1
JOINT = "joint"
CARD_JSON, CARD_MARKDOWN = "evaluation/card.json", "evaluation/card.md"


@dataclass(frozen=True)
class Gap:
    """Modality gap of a direction, see `training.evaluation.gap`.

    Attributes:
        distance: between the mean query and the mean candidate, 0 to 2.
        separation: chance that a match scores above another pair.
        matching: mean cosine of matching pairs.
        other: mean cosine of pairs that don't match.
    """

    distance: float
    separation: float
    matching: float
    other: float


@dataclass(frozen=True)
class EvaluationCard:
    """All that is known of a model's quality on one split; NaN where there was nothing to measure.

    Attributes:
        protocol: how it was measured.
        retrieval: model to direction to metric to value with interval; `joint` is the model.
        gaps: direction to modality gap of the model.
        slices: the model's headline metrics for parts of people and posts.
        degradation: curves of user→post over what is missing at evaluation time.
        tags: how well tags of `posts` and of `people` are foretold, model to metric to value; see
            `training.interests.precision`. Empty where nobody tags.
    """

    protocol: Protocol
    retrieval: Mapping[str, Mapping[str, Mapping[str, Interval]]]
    gaps: Mapping[str, Gap]
    slices: SliceResults
    degradation: Degradation
    tags: Mapping[str, Figures]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what could not be measured is null."""
        return {"format": FORMAT, **_plain(asdict(self))}

    def to_markdown(self, title: str = "Evaluation card") -> str:
        """The same for people."""
        return card_markdown(self, title)


def evaluation_card(
    space: Space,
    materials: Materials,
    retrieval: Retrieval | None = None,
    *,
    split: str = "test",
    per_query: Mapping[Direction, QueryResults] | None = None,
    landscape: Landscape | None = None,
) -> EvaluationCard:
    """Measure a space on a split.

    Args:
        space: any version.
        materials: features must be those of the space's encoders.
        retrieval: results of other models on the same split (isolated pairs, say); those that can't
            be measured again here stand in the card without intervals.
        split: whose posts are asked for; the test posts unless you are still choosing.
        per_query: the space's results on the split, where they are there already.
        landscape: of the training posts, see `survey`; without it tags are not foretold.
    """
    embedded, examples = embed_for(space, materials, split), materials.examples
    results = per_query or retrieval_per_query(embedded)
    identities = materials.identities(space.users)
    measured = {JOINT: _with_intervals(results)} | _baselines(materials, split)
    given = {
        model: _without_intervals(directions)
        for model, directions in (retrieval or {}).items()
        if model not in measured
    }
    slices = slices_of(examples, (identities >= 0).numpy(), split)
    return EvaluationCard(
        protocol=protocol_of(materials, embedded, split),
        retrieval=measured | given,
        gaps=_gaps(embedded),
        slices=slice_results(results, slices),
        degradation=degradation(space, examples, split, identities),
        tags=tag_figures(landscape, materials, split) if landscape else {},
    )


def log_card(
    run: TrackedRun,
    space: Space,
    materials: Materials,
    retrieval: Retrieval | None = None,
    *,
    landscape: Landscape | None = None,
) -> EvaluationCard:
    """Measure on the test posts, and leave the card with the run as JSON and Markdown."""
    card = evaluation_card(space, materials, retrieval, landscape=landscape)
    run.log_json(card.to_json(), CARD_JSON)
    run.log_text(card.to_markdown(), CARD_MARKDOWN)
    return card


def read_card(tracking: Tracking, run_id: str) -> dict[str, Any]:
    """The JSON that `log_card` left with a run; empty if it left none."""
    with tempfile.TemporaryDirectory() as folder:

        def download(client: "MlflowClient") -> dict[str, Any]:
            folder_of_card = CARD_JSON.rpartition("/")[0]
            if CARD_JSON not in [e.path for e in client.list_artifacts(run_id, folder_of_card)]:
                return {}
            path = client.download_artifacts(run_id, CARD_JSON, folder)
            return json.loads(Path(path).read_text(encoding="utf-8"))

        return tracking.call(download)


def _baselines(materials: Materials, split: str) -> dict[str, dict[str, dict[str, Interval]]]:
    training, held_out = (authored(materials, name) for name in ("train", split))
    people = len(materials.examples.users)
    return {
        name: _with_intervals(retrieval_per_query(baselines[name](training, held_out, people)))
        for name in ("unimodal_image", "unimodal_text", "concatenation")
    }


def _with_intervals(
    results: Mapping[Direction, QueryResults],
) -> dict[str, dict[str, Interval]]:
    return {direction.value: query_intervals(each) for direction, each in results.items()}


def _without_intervals(
    directions: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, Interval]]:
    unknown = float("nan")
    return {
        direction: {name: Interval(value, unknown, unknown) for name, value in values.items()}
        for direction, values in directions.items()
    }


def _gaps(embedded: EmbeddedPosts) -> dict[str, Gap]:
    found = {direction.value: modality_gap(embedded, direction) for direction in Direction}
    return {
        name: Gap(gap.distance, gap.separation, _mean(gap.positives), _mean(gap.negatives))
        for name, gap in found.items()
        if gap is not None
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _plain(value: Any) -> Any:
    """Mappings, lists, text and numbers alone; NaN and infinity, which JSON lacks, become None."""
    if isinstance(value, Interval):
        return {name: _plain(each) for name, each in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value
