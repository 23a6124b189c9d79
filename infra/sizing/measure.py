"""Measure the units: python -m infra.sizing.measure WORKSPACE [FILE].

On the workspace of a demo, in this process and on one thread, in processor seconds: those hardly
change with what else the machine does. Nothing in the workspace is changed.
"""

import json
import platform
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from infra.product import ProductConfig, load_config, open_tracking
from infra.sizing.units import UNITS, Unit
from training.errors import NotFound

if TYPE_CHECKING:
    from recsys.events.database import Events
    from recsys.view import View

_REPEATS = 40
_ROWS = 20_000
_VECTORS = 20_000
_WIDE, _DIMENSION, _FOUND = 10_000, 1536, 200


class Notes:
    """Figures as they are found."""

    def __init__(self) -> None:
        day = datetime.now(UTC).date().isoformat()
        self._where = f"{platform.machine()}, one thread, Python {platform.python_version()}"
        self._day = day
        self.units: list[Unit] = []

    def add(self, name: str, value: float, unit: str, how: str) -> None:
        """Keep one, and tell it."""
        self.units.append(
            Unit(
                name=name,
                value=float(f"{value:.4g}"),
                unit=unit,
                where=self._where,
                how=how,
                measured=self._day,
            )
        )
        print(f"{name:32} {value:12.4g} {unit}", file=sys.stderr, flush=True)


def measure(workspace: Path) -> list[Unit]:
    """All units, on a copy of the index and the event database of a workspace.

    Raises: NotFound if the workspace has no model or no index.
    """
    import torch

    torch.set_num_threads(1)
    notes = Notes()
    config = load_config(None, [], workspace)
    encoders(config, notes)
    training(config, notes)
    vectors(notes)
    events(notes)
    with tempfile.TemporaryDirectory() as folder:
        questions(copied(config, Path(folder)), notes)
    requests(notes)
    return notes.units


def encoders(config: ProductConfig, notes: Notes) -> None:
    """Processor time of an image and a text, in batches as indexing makes them."""
    from training.data.clean import CleanData
    from training.space import Space
    from training.tracking.registry import space_folder
    from training.tracking.versions import show_model

    tracking = open_tracking(config)
    model = show_model(tracking)
    space = Space.load(space_folder(model, tracking))
    data = CleanData.open(Path(config.workspace) / "data" / model.data_digest)
    rows = list(range(0, 512, 8))
    images = [image for image in data.images(rows) if image]
    texts = [t for t in data.posts(["text"])["text"].take(rows).to_pylist() if t]
    space.encode_image(images[:4])  # warm
    space.encode_text(texts[:4])
    name = "the packaged encoders on posts of the sample, 64 at a time"
    a = cpu_ms(lambda: space.image_encoder.encode(images), 3) / len(images)
    notes.add("cpu_ms_per_image", a, "ms", name)
    b = cpu_ms(lambda: space.text_encoder.encode(texts), 3) / len(texts)
    notes.add("cpu_ms_per_text", b, "ms", name)
    widths = space.image_encoder.dimension + space.text_encoder.dimension
    notes.add("feature_bytes_per_post", 4 * widths, "bytes", "widths of the two encoders, float32")
    modules = (space.image_encoder, space.text_encoder, space.joint)
    weights = sum(4 * each.numel() for module in modules for each in module.parameters())
    notes.add(
        "memory_gb_serving",
        weights / 1e9 + 6 * 0.5,
        "GB",
        "weights of encoders and towers, and half a gigabyte for each of six processes",
    )


def training(config: ProductConfig, notes: Notes) -> None:
    """Processor time of a post in an epoch over cached features, and what a person takes."""
    import torch

    from training import loop
    from training.examples import Examples
    from training.model import JointSpace
    from training.objective import Objective

    folder = next(iter(sorted(Path(config.workspace).glob("runs/*/examples"))), None)
    if folder is None:
        raise NotFound(f"no run is in {config.workspace}", hint="commonspace demo makes one")
    examples = Examples.load(folder)
    widths = examples.features.image.shape[1], examples.features.text.shape[1]

    def space(users: int) -> JointSpace:
        torch.manual_seed(0)
        image, text = widths
        return JointSpace(config.model, users=users, image_features=image, text_features=text)

    joint = space(len(examples.users))
    joint.fit_inputs(examples.features[examples.rows("train")])
    state = loop.begin(Objective(joint, config.losses), config.loop)
    settings = config.loop.model_copy(update={"epochs": 2, "patience": 9})
    ms = cpu_ms(lambda: loop.run(state, examples, settings, lambda metrics, state: None), 1)
    posts = 2 * len(examples.rows("train"))
    how = "two epochs over the demo's cached features, validation included"
    notes.add("cpu_ms_per_training_sample", ms / posts, "ms", how)
    counts = [sum(p.numel() for p in space(users).parameters()) for users in (1000, 2000)]
    each = 4 * (counts[1] - counts[0]) / 1000
    notes.add("user_bytes_serving", each, "bytes", "learned parameters of one more person, float32")
    notes.add(
        "user_bytes_training",
        6 * each,
        "bytes",
        "those, their gradient, two moments, the moving average and the best epoch's",
    )


def vectors(notes: Notes) -> None:
    """What an HNSW graph adds to a vector; what a row of Milvus holds beside its vector."""
    import faiss

    from recsys.schema import M

    random = np.random.default_rng(0)
    rows = random.standard_normal((_VECTORS, 64)).astype(np.float32)
    graph = faiss.IndexHNSWFlat(64, M, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 40
    graph.add(rows)
    size = len(faiss.serialize_index(graph)) / _VECTORS
    how = f"faiss, {_VECTORS:,} vectors, M = {M}: serialized size less 4 bytes a dimension"
    notes.add("hnsw_bytes_per_vector", size - 4 * 64, "bytes", how)
    faiss.omp_set_num_threads(1)
    wide = random.standard_normal((_WIDE, _DIMENSION)).astype(np.float32)
    found = faiss.IndexHNSWFlat(_DIMENSION, M, faiss.METRIC_INNER_PRODUCT)
    found.hnsw.efConstruction, found.hnsw.efSearch = 40, _FOUND
    found.add(wide)
    queries = wide[:100] + random.standard_normal((100, _DIMENSION)).astype(np.float32)
    how = f"faiss HNSW, {_FOUND} of {_WIDE:,} random vectors of {_DIMENSION} dimensions"
    ms = cpu_ms(lambda: found.search(queries, _FOUND), 1) / len(queries)
    notes.add("cpu_ms_per_search", ms, "ms", how)


def events(notes: Notes) -> None:
    """Bytes of a post, a reaction and a person in the event database, indexes included."""
    from recsys.config import EventsConfig
    from recsys.events.database import Events
    from recsys.events.records import Person, Post, Reaction

    at = datetime(2026, 1, 1, tzinfo=UTC)
    text = "a text of some eighty characters, as people write them under their pictures today"
    people = [Person(f"person-{n:08d}") for n in range(_ROWS)]
    posts = [
        Post(f"post-{n:010d}", f"person-{n % 2000:08d}", text, ("one", "two"), at)
        for n in range(_ROWS)
    ]
    likes = [
        Reaction(f"person-{n % 2000:08d}", f"post-{n:010d}", "like", None, at) for n in range(_ROWS)
    ]
    with tempfile.TemporaryDirectory() as folder, Events(EventsConfig(), Path(folder)) as found:
        size = _size(folder)
        for name, add in (
            ("person_row_bytes", lambda: found.add_people(people)),
            ("post_row_bytes", lambda: found.add_posts(posts)),
            ("reaction_row_bytes", lambda: found.add_reactions(likes)),
        ):
            add()
            grown = _size(folder)
            how = f"SQLite, growth of the file by {_ROWS:,} rows, indexes included"
            notes.add(name, (grown - size) / _ROWS, "bytes", how)
            size = grown


def questions(config: ProductConfig, notes: Notes) -> None:
    """Processor time of a recommendation without its searches, and how many it makes."""
    from recsys.events.database import Events
    from recsys.recommend import Recommender
    from recsys.vectors import VectorStore

    with (
        VectorStore(config.index, config.workspace) as store,
        Events(config.events, config.workspace) as events,
    ):
        view = store.live()
        recommender = Recommender(store, events, config.recommend, None, view.version.model)
        people = [who for who, _ in events.users_page("", 0, 4 * _REPEATS)][::4]
        recommender.recommend(people[0], 10)  # warm
        _rows(view, events, notes)
        with _searching() as spent:
            whole = cpu_ms(lambda: [recommender.recommend(p, 10) for p in people], 1)
        database = cpu_ms(lambda: _asked(events, people), 1)
    each = len(people)
    how = f"{each} people of the demo, without what Milvus Lite took in the same process"
    notes.add("cpu_ms_per_recommendation", (whole - spent.ms) / each, "ms", how)
    how = f"vectors that are searched for, {each} people of the demo"
    notes.add("searches_per_recommendation", spent.queries / each, "searches", how)
    how = "history and reactions of a person, SQLite"
    notes.add("cpu_ms_per_question_of_events", database / each, "ms", how)


@dataclass
class Spent:
    """What Milvus took in this process.

    Attributes:
        ms: of processor time.
        queries: vectors that were searched for.
    """

    ms: float = 0.0
    queries: int = 0


@contextmanager
def _searching() -> Iterator[Spent]:
    """Count what goes to Milvus while a `with` lasts."""
    from recsys.milvus import Milvus

    spent, plain = Spent(), Milvus.__call__

    def counted(self: Milvus, method: str, *args: Any, **kwargs: Any) -> Any:
        begun = time.process_time()
        try:
            return plain(self, method, *args, **kwargs)
        finally:
            spent.ms += 1000 * (time.process_time() - begun)
            if method == "search":
                spent.queries += len(kwargs.get("data") or next(a for a in args if _rows_of(a)))

    Milvus.__call__ = counted  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        Milvus.__call__ = plain  # type: ignore[method-assign]


def _rows_of(value: object) -> bool:
    return isinstance(value, list | np.ndarray) and len(value) > 0


def requests(notes: Notes) -> None:
    """Processor time of a request through the HTTP edge, less its work: from the benchmark."""
    path = Path(__file__).parents[2] / "docs" / "benchmarks" / "serving.json"
    how = "texts through HTTP less the bare loop, two processors, docs/benchmarks/serving.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    detail = next(e["detail"] for e in found if e["what"].startswith("texts embedded through HTTP"))
    bare, service = (float(part.split("/s")[0].split()[-1]) for part in detail.split(",")[:2])
    notes.add("cpu_ms_per_request", 2 * 1000 * (1 / service - 1 / bare), "ms", how)


def copied(config: ProductConfig, folder: Path) -> ProductConfig:
    """The index and the event database of a workspace in another folder; models stay there."""
    source = Path(config.index.location(config.workspace))
    shutil.copytree(source, folder / config.index.uri)
    for file in Path(config.workspace).glob("events.db*"):
        shutil.copy2(file, folder / file.name)
    tracking = f"tracking.uri=sqlite:///{Path(config.workspace).resolve() / 'mlflow.db'}"
    return load_config(None, [tracking], folder)


def cpu_ms(work: Callable[[], object], times: int) -> float:
    """Milliseconds of processor time of one call, of all threads of this process."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return 1000 * (time.process_time() - begun) / times


def _rows(view: "View", events: "Events", notes: Notes) -> None:
    """What a row holds beside its vector, as Milvus is given it."""
    from recsys.rows import post_rows
    from recsys.versions import Target

    ids = next(iter(view.ids(Target.POSTS)))[:_REPEATS]
    posts = list(events.posts(ids).values())
    unit = np.eye(1, 8, dtype=np.float32).repeat(len(posts), axis=0)
    rows = post_rows(posts, unit, 8, None)
    fields = [value for row in rows for name, value in row.items() if name != "vector"]
    size = sum(len(value) if isinstance(value, str) else 8 for value in fields) / len(rows)
    how = f"fields of {len(rows)} rows of the demo's posts"
    notes.add("row_bytes_beside_vector", size, "bytes", how)


def _asked(events: "Events", people: list[str]) -> None:
    for person in people:
        events.reactions_of(person)
        events.seen_by(person)
        events.public_posts_of([person], 300)


def _size(folder: str) -> int:
    """Bytes of the file, once what is in its log is in it."""
    path = Path(folder, "events.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def main(workspace: str, to: str = str(UNITS)) -> None:
    """Measure, and write the file."""
    found = [unit.model_dump() for unit in measure(Path(workspace))]
    text = json.dumps(found, indent=1, ensure_ascii=False)
    Path(to).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
