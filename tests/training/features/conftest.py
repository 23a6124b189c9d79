from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.training.encoders import tiny
from training.data.clean import CleanData
from training.encoders import EncoderConfig

Post = dict[str, Any]


@pytest.fixture(scope="session")
def image_config() -> EncoderConfig:
    return EncoderConfig(name="timm/test_resnet", pretrained=False, image_size=32)


@pytest.fixture(scope="session")
def text_config(tmp_path_factory: pytest.TempPathFactory) -> EncoderConfig:
    return EncoderConfig(name=f"transformers/{tiny.write_bert(tmp_path_factory.mktemp('bert'))}")


@pytest.fixture(scope="session")
def posts() -> list[Post]:
    """Eight posts: a text that two share, a picture that two share, and two that lack a part."""
    texts = ["a cat", "a red cat", "a cat", "the sky", None, "a tree", "green", "and"]
    images: list[bytes | None] = [tiny.picture(seed) for seed in range(8)]
    images[3], images[5] = images[1], None
    return [
        {"post_id": f"p{i}", "user_id": f"u{i % 3}", "text": text, "image": image}
        for i, (text, image) in enumerate(zip(texts, images, strict=True))
    ]


@pytest.fixture(scope="session")
def prepared(
    ray_session: None, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Sequence[Post]], CleanData]:
    """Clean data of some posts."""
    from training.data.config import DataConfig, SplitConfig
    from training.data.prepare import prepare

    def clean(posts: Sequence[Post]) -> CleanData:
        folder: Path = tmp_path_factory.mktemp("posts")
        pq.write_table(pa.Table.from_pylist(list(posts)), folder / "posts.parquet")
        source = DataConfig(posts=str(folder / "posts.parquet"))
        return prepare(source, SplitConfig(), folder / "workspace")

    return clean


@pytest.fixture(scope="session")
def data(prepared: Callable[[Sequence[Post]], CleanData], posts: list[Post]) -> CleanData:
    return prepared(posts)
