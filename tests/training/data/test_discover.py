from pathlib import Path

import pytest

from training.data.config import DataConfig
from training.data.discover import discover


def test_tables_of_a_folder(tmp_path: Path) -> None:
    for name in ("posts.jsonl.gz", "reactions.csv", "notes.txt", "users.txt"):
        (tmp_path / name).touch()
    (tmp_path / "images").mkdir()
    config = discover(str(tmp_path), DataConfig(ids="map"))
    assert config.posts == f"{tmp_path}/posts.jsonl.gz"
    assert config.reactions == f"{tmp_path}/reactions.csv"
    assert config.users is None
    assert config.image_folder == f"{tmp_path}/images"
    assert config.ids == "map"


def test_a_table_may_be_a_folder_and_the_place_a_uri(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    config = discover(tmp_path.as_uri())
    assert config.posts == f"{tmp_path.as_uri()}/posts"


@pytest.mark.parametrize("name", ["dump.csv", "nothing.csv"])
def test_anything_else_is_the_posts(tmp_path: Path, name: str) -> None:
    (tmp_path / "dump.csv").touch()
    assert discover(str(tmp_path / name)).posts == str(tmp_path / name)
    assert discover(str(tmp_path)).posts == str(tmp_path)


def test_the_sample() -> None:
    assert discover("sample") == DataConfig()
