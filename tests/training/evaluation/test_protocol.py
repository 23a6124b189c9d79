"""Which split an evaluation says that it had."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.report.finished import random_materials
from training.assessment import authored
from training.data.config import DataConfig, SplitConfig
from training.data.prepare import prepare
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.protocol import protocol_of, strategy_of

START = datetime(2024, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("post_id", "user_id", "text")),
        ("created_at", pa.timestamp("us", "UTC")),
    ]
)


def prepared(folder: Path, *, dated: int, strategy: str = "auto"):
    """Forty posts of four people, an hour apart, of which the first `dated` have a date."""
    rows = [
        {
            "post_id": f"post{number}",
            "user_id": f"person{number % 4}",
            "text": f"text {number}",
            "created_at": START + timedelta(hours=number) if number < dated else None,
        }
        for number in range(40)
    ]
    path = folder / "posts.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    split = SplitConfig.parse({"strategy": strategy})
    return prepare(DataConfig(posts=str(path)), split, folder)


@pytest.mark.parametrize(
    ("dated", "asked", "told"),
    [
        (40, "auto", "temporal"),
        (39, "auto", "random"),
        (0, "auto", "random"),
        (40, "random", "random"),
        (40, "temporal", "temporal"),
    ],
)
def test_the_split_is_told_as_it_was_made(
    ray_session: None, tmp_path: Path, dated: int, asked: str, told: str
) -> None:
    assert strategy_of(prepared(tmp_path, dated=dated, strategy=asked)) == told


def test_counts_are_those_of_the_ranking(ray_session: None, tmp_path: Path) -> None:
    materials = random_materials(prepared(tmp_path, dated=40))
    posts = authored(materials, "test")
    count, people = len(posts.author), len(materials.examples.users)
    texts = posts.features.text.numpy()
    none = ~posts.features.has_text.numpy()
    embedded = EmbeddedPosts(
        texts[:people], texts, none, texts, ~none, texts, posts.author, np.arange(count)
    )  # fmt: skip
    found = protocol_of(materials, embedded, "test")
    assert found.data_digest == materials.data.manifest.digest
    assert (found.strategy, found.people) == ("temporal", people)
    assert found.posts["test"] == count
    asked = found.asked[Direction.TEXT_TO_USER.value]
    assert (asked.queries, asked.candidates) == (count, people)
    back = found.asked[Direction.USER_TO_TEXT.value]
    assert (back.queries, back.candidates) == (len(set(posts.author.tolist())), count)
    assert not {"text_to_image", "user_to_image"} & set(found.asked)  # there is no image
