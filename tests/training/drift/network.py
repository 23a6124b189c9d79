"""A network that is drawn: what people write about, how long, how often; and a space for it."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from training.data.tables import REACTIONS
from training.drift.columns import Snapshot
from training.drift.places import Places

SUBJECTS = ("birds", "boats", "trees", "maps")
WORDS = {subject: [f"{subject}{letter * 2}" for letter in "abcdefgh"] for subject in SUBJECTS}
PEOPLE = 400


def posts(seed: int, people: int = PEOPLE, start: int = 0) -> list[dict]:
    """Posts of people with a subject of their own, mostly."""
    random = np.random.default_rng(seed)
    rows = []
    for person in range(start, start + people):
        own = SUBJECTS[person % len(SUBJECTS)]
        for _ in range(1 + random.poisson(6)):
            subject = own if random.random() < 0.6 else str(random.choice(SUBJECTS))
            said = random.choice(WORDS[subject], 1 + random.poisson(5))
            rows.append(
                {
                    "post_id": f"p{start}-{seed}-{len(rows)}",
                    "user_id": f"u{person}",
                    "text": " ".join(said),
                    "tags": [subject],
                    "language": "en" if random.random() < 0.8 else "de",
                    "category": subject,
                    "private": bool(random.random() < 0.1),
                    "text_hash": "t",
                    "image_hash": "i" if random.random() < 0.7 else None,
                }
            )
    return rows


def reactions(rows: list[dict], seed: int, like: float = 0.7) -> list[dict]:
    random = np.random.default_rng(seed)
    return [
        {
            "user_id": f"u{random.integers(PEOPLE)}",
            "post_id": row["post_id"],
            "kind": "like" if random.random() < like else "hide",
            "value": None,
            "created_at": 0,
        }
        for row in rows
        for _ in range(2)
    ]


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("post_id", "user_id", "text", "language", "category")),
        ("tags", pa.list_(pa.string())),
        ("private", pa.bool_()),
        *((name, pa.string()) for name in ("text_hash", "image_hash")),
    ]
)


def snapshot(rows: list[dict], liked: list[dict] | None = None, digest: str = "d") -> Snapshot:
    liked = liked or []
    return Snapshot(
        digest,
        pa.Table.from_pylist(rows, schema=SCHEMA),
        pa.Table.from_pylist(liked, schema=REACTIONS),
        {"posts": len(rows), "reactions": len(liked), "users": PEOPLE},
        0.01,
    )


def changed(rows: list[dict], change: Callable[[dict, np.random.Generator], dict]) -> list[dict]:
    random = np.random.default_rng(99)
    return [row | change(row, random) for row in rows]


def places(rows: list[dict], *, shift: float = 0.0, noise: float = 0.15, seed: int = 0) -> Places:
    """Posts around a direction a subject; `shift` moves all of them the same way."""
    random = np.random.default_rng(seed)
    basis = np.random.default_rng(7).standard_normal((len(SUBJECTS) + 8, 48))
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    known = {subject: basis[number] for number, subject in enumerate(SUBJECTS)}
    extra = iter(basis[len(SUBJECTS) :])
    vectors = np.empty((len(rows), 48), dtype=np.float32)
    for at, row in enumerate(rows):
        if row["category"] not in known:
            known[row["category"]] = next(extra)
        vectors[at] = known[row["category"]] + noise * random.standard_normal(48)
        vectors[at] += shift * basis[-1]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    authors = np.array([row["user_id"] for row in rows])
    users, owner = np.unique(authors, return_inverse=True)
    people = np.zeros((len(users), 48), dtype=np.float32)
    np.add.at(people, owner, vectors)
    people /= np.linalg.norm(people, axis=1, keepdims=True)
    labels = np.empty(len(rows), dtype=object)
    labels[:] = [tuple(row["tags"]) for row in rows]
    ids = np.array([row["post_id"] for row in rows])
    return Places(vectors, ids, authors, labels, people, users)
