"""What a run leaves for people to look at: nested evaluation, plots, and the model card."""

from collections.abc import Sequence

import numpy as np

from training.assessment import Retrieval, embed_for
from training.embedding import embed_people, embed_posts
from training.evaluation.examples import Contents, example_sheet
from training.evaluation.plots import retrieval_bars, score_histograms, training_curves
from training.evaluation.report import flat_metrics
from training.evaluation.space_map import MapContent, space_map
from training.fit import METRICS
from training.materials import Materials
from training.run_config import RunConfig
from training.run_folder import RunFolder
from training.space import Space
from training.tracking.metrics_log import read_metrics
from training.tracking.model_card import CardFacts, EncoderFact, write_card
from training.tracking.provenance import checkout_commit
from training.tracking.run import TrackedRun

PICTURED = 200
"""People on the map at most, the most active ones: more stars hide the posts."""


def record_evaluation(
    run: TrackedRun,
    folder: RunFolder,
    space: Space,
    materials: Materials,
    retrieval: Retrieval,
) -> None:
    """Log retrieval on the test posts as nested runs, one a model, and draw the run's pictures."""
    for model, directions in retrieval.items():
        with run.evaluation(f"test {model}") as evaluation:
            evaluation.log_metrics(flat_metrics(directions))
    run.log_metrics(flat_metrics(retrieval["joint"], "test/"))
    run.log_json(retrieval, "evaluation/test.json")
    draw(folder, space, materials, retrieval)
    run.log_artifact(folder.plots)


def draw(folder: RunFolder, space: Space, materials: Materials, retrieval: Retrieval) -> None:
    """Training curves, bars, scores, examples and the map, as PNG in the run's `plots`."""
    folder.plots.mkdir(exist_ok=True)
    history = [{"epoch": e.epoch, **e.metrics} for e in read_metrics(folder.path / METRICS)]
    training_curves(history, folder.plots / "training.png")
    retrieval_bars(retrieval, folder.plots / "retrieval.png")
    rows = materials.examples.rows("test").numpy()
    if len(rows):
        embedded = embed_for(space, materials, "test")
        score_histograms(embedded, folder.plots / "scores.png")
        example_sheet(embedded, _contents(materials, rows), folder.plots / "examples.png")
    space_map(map_content(space, materials), folder.plots / "map.png")


def map_content(space: Space, materials: Materials) -> MapContent:
    """All posts and the most active people, for the map."""
    examples, data = materials.examples, materials.data
    _, _, posts = embed_posts(space.joint, examples.features)
    people, present = embed_people(space.joint, examples, materials.identities(space.users))
    author = examples.keys.author.numpy()
    activity = np.bincount(author[author >= 0], minlength=len(examples.users))
    shown = np.argsort(-activity * present, kind="stable")[:PICTURED]
    shown = shown[present[shown]]
    return MapContent(
        posts=posts,
        people=people[shown],
        names=[examples.users[person] for person in shown],
        activity=activity[shown],
        categories=data.posts(["category"])["category"].to_pylist(),
        pictures=data.images,
    )


def model_card_of(
    run: TrackedRun, config: RunConfig, space: Space, materials: Materials, retrieval: Retrieval
) -> str:
    """The card in Markdown."""
    manifest = materials.data.manifest
    encoders = [
        EncoderFact("image", config.image_encoder.name, config.image_encoder.tuning),
        EncoderFact("text", config.text_encoder.name, config.text_encoder.tuning),
    ]
    return write_card(
        CardFacts(
            name=config.tracking.registered_model,
            dimension=space.dimension,
            people=len(space.users),
            run_id=run.run_id,
            commit=checkout_commit(),
            data_digest=manifest.digest,
            source=manifest.config.posts,
            counts=manifest.counts,
            quarantined=manifest.quarantined,
            split="test",
            retrieval=retrieval,
            encoders=encoders,
            config=config.to_yaml(),
        )
    )


def _contents(materials: Materials, rows: np.ndarray) -> Contents:
    data, examples = materials.data, materials.examples
    texts = data.posts(["text"])["text"].take(rows).to_pylist()
    start, posted = examples.history_start.numpy(), examples.history_rows.numpy()

    def pictures(chosen: Sequence[int]) -> Sequence[bytes | None]:
        return data.images(rows[list(chosen)].tolist())

    def of_person(person: int) -> Sequence[bytes | None]:
        return data.images(posted[start[person] : start[person + 1]][:4].tolist())

    return Contents(texts, pictures, examples.users, of_person)
