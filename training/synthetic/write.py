"""A made-up network on disk: tables as any network's, and beside them what is true of it.

Memory does not grow with the posts: one block at a time is made and written.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import Conflict
from training.synthetic.blocks import POSTS, REACTIONS, TRUTH, count_of, make_block
from training.synthetic.config import SyntheticConfig
from training.synthetic.world import WORDS_EACH, World, make_world, user_ids

TRUTH_FOLDER = "truth"
"""Nothing reads it but who wants to know how much was found out."""


@dataclass(frozen=True)
class Counts:
    """Rows that were written.

    Attributes:
        posts: bad ones included.
        reactions: those to bad posts included.
        flaws: posts that must not be taken.
        orphans: reactions to them, which must not be taken either.
    """

    posts: int
    reactions: int
    flaws: int
    orphans: int


def write(
    config: SyntheticConfig,
    folder: Path,
    *,
    shards: int = 1,
    progress: Callable[[str, int, int], None] | None = None,
) -> Counts:
    """Write `posts/`, `reactions/` and `truth/` below a folder.

    Args:
        config: of the network.
        folder: new, or empty.
        shards: files a table; the rows and their order are the same for any number.
        progress: called with `posts`, how many are written, and how many there are.
    Raises: Conflict if the folder holds anything, or can't be written.
    """
    world = make_world(config)
    blocks = count_of(world)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(f"{folder} is not empty", hint="choose another folder, or empty it")
        for table in ("posts", "reactions", TRUTH_FOLDER):
            (folder / table).mkdir()
        counts = Counts(0, 0, 0, 0)
        with pq.ParquetWriter(folder / TRUTH_FOLDER / "posts.parquet", TRUTH) as truth:
            for shard in range(shards):
                mine = range(shard * blocks // shards, (shard + 1) * blocks // shards)
                counts = _shard(world, folder, shard, mine, truth, counts, progress)
        _truth(world, counts, folder / TRUTH_FOLDER)
    except OSError as error:
        raise Conflict(f"{folder} can't be written: {error.strerror or error}") from None
    return counts


def _shard(
    world: World,
    folder: Path,
    shard: int,
    blocks: range,
    truth: pq.ParquetWriter,
    counts: Counts,
    progress: Callable[[str, int, int], None] | None,
) -> Counts:
    name = f"part-{shard:05}.parquet"
    with ExitStack() as stack:
        posts, reactions = (
            stack.enter_context(pq.ParquetWriter(folder / table / name, schema, compression="zstd"))
            for table, schema in (("posts", POSTS), ("reactions", REACTIONS))
        )
        for number in blocks:
            block = make_block(world, number)
            posts.write_table(block.posts)
            reactions.write_table(block.reactions)
            truth.write_table(block.truth)
            counts = Counts(
                counts.posts + len(block.posts),
                counts.reactions + len(block.reactions),
                counts.flaws + block.flaws,
                counts.orphans + block.orphans,
            )
            if progress:
                progress("posts", counts.posts, world.config.posts)
    return counts


def _truth(world: World, counts: Counts, folder: Path) -> None:
    """People's mixtures, and in words what the network is."""
    people = world.config.people
    numbers = range(0, people, 10_000)
    schema = pa.schema(
        [
            pa.field("user_id", pa.string()),
            pa.field("interests", pa.list_(pa.int16())),
            pa.field("shares", pa.list_(pa.float32())),
        ]
    )
    with pq.ParquetWriter(folder / "people.parquet", schema) as writer:
        for start in numbers:
            some = np.arange(start, min(start + 10_000, people))
            columns = [
                pa.array(user_ids(some), pa.string()),
                pa.array(world.interests[some].tolist(), pa.list_(pa.int16())),
                pa.array(world.shares[some].tolist(), pa.list_(pa.float32())),
            ]
            writer.write_table(pa.table(columns, schema=schema))
    words = world.vocabulary.tolist()
    document = {
        "config": world.config.model_dump(mode="json"),
        "counts": asdict(counts),
        "words": [
            words[interest * WORDS_EACH : (interest + 1) * WORDS_EACH]
            for interest in range(world.config.interests)
        ],
        "common_words": words[world.config.interests * WORDS_EACH :],
    }
    (folder / "truth.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
