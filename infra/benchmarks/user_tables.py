"""`python -m infra.benchmarks.user_tables`: bytes a person, measured; memory and traffic on paper.

A training state of each kind of user table is made, stepped and saved for two numbers of people.
The difference, divided by the people between, is what a person costs; the rest is what a table
costs with nobody in it. All figures for more people are these, multiplied.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from infra.cli.output import note
from training import checkpoint, loop
from training.batches import Batch
from training.examples import PostKeys
from training.modalities import History, PostFeatures
from training.model import JointSpace, ModelConfig
from training.objective import LossesConfig, Objective
from training.state import State

_FEW, _MANY = 1_000, 3_000
_FEATURES = 16
_BUCKETS = 256
"""Of the small hashed table that is measured."""
LARGE_BUCKETS = 262_144
"""Of the hashed table that the paper figures are for."""
PEOPLE = (10_000_000, 1_000_000_000)
WORKERS = 8
BATCH_PEOPLE = 4_096
"""Of a step, all workers together."""
KINDS = ("full", "hashed", "sharded")


@dataclass(frozen=True)
class Bytes:
    """What a user table takes in a state, all blocks together.

    Attributes:
        vectors: the learned weights.
        optimizer: moments and counts.
        averages: the moving average, and that of the best epoch.
        checkpoint: on disk.
    """

    vectors: float
    optimizer: float
    averages: float
    checkpoint: float

    @property
    def memory(self) -> float:
        """Of training, gradients aside."""
        return self.vectors + self.optimizer + self.averages

    def times(self, factor: float) -> "Bytes":
        """So many of them."""
        parts = (self.vectors, self.optimizer, self.averages, self.checkpoint)
        return Bytes(*(part * factor for part in parts))


@dataclass(frozen=True)
class Paper:
    """A table for many people, derived.

    Attributes:
        kind: of table.
        people: how many.
        memory: bytes on each worker, in training.
        gradient: bytes of gradient on each worker.
        checkpoint: bytes on disk.
        sent: bytes that each worker sends in a step for the table.
        written: bytes of weights, moments and averages that each worker writes in a step.
    """

    kind: str
    people: int
    memory: float
    gradient: float
    checkpoint: float
    sent: float
    written: float


def person(kind: str, **model: Any) -> Bytes:
    """Measured bytes that one more person takes."""
    few, many = (_measured(kind, people, **model) for people in (_FEW, _MANY))
    return _combined(many, few, -1.0).times(1 / (_MANY - _FEW))


def bucket(**model: Any) -> Bytes:
    """Measured bytes that one more bucket of a hashed table takes, in all its tables."""
    few, many = (
        _measured("hashed", _FEW, **model, buckets=buckets) for buckets in (_BUCKETS, 2 * _BUCKETS)
    )
    return _combined(many, few, -1.0).times(1 / _BUCKETS)


def paper(people: int, each: Mapping[str, Bytes], of_bucket: Bytes) -> Iterator[Paper]:
    """Every kind of table for so many people, on `WORKERS` workers.

    A dense gradient is as large as the vectors; reduced over w workers in a ring, each sends
    2 (w - 1) / w of it. Of a sharded table each worker sends, to the others, numbers of 8 bytes for
    the rows that it wants, the rows that are wanted of it, and their gradients.
    """
    others = (WORKERS - 1) / WORKERS
    full = each["full"].times(people)
    yield Paper(
        "full",
        people,
        full.memory,
        full.vectors,
        full.checkpoint,
        2 * others * full.vectors,
        full.memory,
    )
    hashed = _combined(each["hashed"].times(people), of_bucket.times(LARGE_BUCKETS), 1.0)
    yield Paper(
        "hashed",
        people,
        hashed.memory,
        hashed.vectors,
        hashed.checkpoint,
        2 * others * hashed.vectors,
        hashed.memory,
    )
    row = each["sharded"]
    mine = BATCH_PEOPLE / WORKERS
    blocks = 2
    yield Paper(
        "sharded",
        people,
        row.memory * people / WORKERS,
        row.vectors * mine,
        row.checkpoint * people,
        others * mine * (blocks * 8 + 2 * row.vectors),
        row.memory * mine,
    )


def _combined(one: Bytes, other: Bytes, factor: float) -> Bytes:
    return Bytes(
        one.vectors + factor * other.vectors,
        one.optimizer + factor * other.optimizer,
        one.averages + factor * other.averages,
        one.checkpoint + factor * other.checkpoint,
    )


def _measured(kind: str, people: int, *, buckets: int = _BUCKETS, **model: Any) -> Bytes:
    """What belongs to user tables in a state, and the whole of its checkpoint."""
    table = {"kind": kind, "buckets": buckets}
    space = JointSpace(
        # nothing else in the model may grow with the people
        ModelConfig.parse({"user": {"table": table}, "audience": {"prototypes": 0}, **model}),
        users=people,
        image_features=_FEATURES,
        text_features=_FEATURES,
    )
    config = loop.LoopConfig()
    state = loop.begin(Objective(space, LossesConfig()), config)
    state.objective(_batch())[0].backward()
    state.optimizer.step()
    state.stepped(config.average)
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), state)
        saved = sum(path.stat().st_size for path in Path(folder).iterdir())
    return Bytes(*_in_memory(state), checkpoint=saved)


def _in_memory(state: State) -> tuple[float, float, float]:
    vectors = optimizer = averages = 0
    for name, parameter in state.objective.named_parameters():
        if _owned(name):
            vectors += _size(parameter)
            optimizer += sum(
                _size(torch.as_tensor(v)) for v in state.optimizer.state[parameter].values()
            )
            averages += _size(state.average[name]) + _size(state.best[name])
    for rows in state.tables.values():
        vectors += _size(rows.table.weight)
        averages += _size(rows.average) + _size(rows.best)
        optimizer += sum(_size(t) for t in vars(rows).values() if isinstance(t, Tensor))
        optimizer -= _size(rows.average) + _size(rows.best)
    return vectors, optimizer, averages


def _owned(name: str) -> bool:
    return ".identities." in name


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _batch(posts: int = 8) -> Batch:
    row = torch.arange(posts)
    there = torch.ones(posts, dtype=torch.bool)
    features = PostFeatures(
        torch.randn(posts, _FEATURES), there, torch.randn(posts, _FEATURES), there
    )
    return Batch(
        posts=features,
        keys=PostKeys(row, row, row, row),
        people=row,
        history=History(features, row, torch.ones(posts), posts),
        most_posts=posts,
        most_people=posts,
    )


def main() -> int:
    """Print both tables; the exit code."""
    torch.manual_seed(0)
    each = {kind: person(kind) for kind in KINDS}
    of_bucket = bucket()
    note(f"{'bytes':24}{'vectors':>10}{'optimizer':>11}{'averages':>10}{'checkpoint':>12}")
    rows = {f"a person, {kind}": size for kind, size in each.items()}
    for name, size in (rows | {"a bucket, hashed": of_bucket}).items():
        note(
            f"{name:24}{size.vectors:>10,.0f}{size.optimizer:>11,.0f}{size.averages:>10,.0f}"
            f"{size.checkpoint:>12,.0f}"
        )
    note(f"\n{WORKERS} workers, {BATCH_PEOPLE:,} people a step, {LARGE_BUCKETS:,} buckets, hashed")
    columns = ("memory", "gradient", "checkpoint", "sent", "written")
    note(f"{'':24}" + "".join(f"{column:>12}" for column in columns))
    for people in PEOPLE:
        for found in paper(people, each, of_bucket):
            sizes = (getattr(found, column) for column in columns)
            note(f"{found.kind + f', {people:,}':24}" + "".join(f"{_read(s):>12}" for s in sizes))
    return 0


def _read(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


if __name__ == "__main__":
    sys.exit(main())
