from pathlib import Path

import pytest

from training.data.config import DataConfig, SplitConfig
from training.data.discover import discover
from training.data.prepare import prepare
from training.errors import BadData, Conflict
from training.reactions.events import read_events
from training.reactions.movielens import convert


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "ml"
    source.mkdir()
    films = ["1,Up and Away (1999),Comedy|Drama", '2,"Comma, The (2001)",(no genres listed)']
    films += [f"{i},Film {i} (2000),Drama" for i in range(3, 8)]
    (source / "movies.csv").write_text("movieId,title,genres\n" + "\n".join(films) + "\n")
    rows = [f"{u},{f},{(u + f) % 5 + 0.5},{10**9 + u + f}" for u in (1, 2) for f in range(1, 8)]
    (source / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + "\n".join(rows))
    (source / "tags.csv").write_text("userId,movieId,tag,timestamp\n1,2,Funny,5\n2,2,funny,6\n")
    return source


def test_clean_data_takes_what_it_writes(folder: Path, tmp_path: Path, ray_session: None):
    assert convert(folder, tmp_path / "out") == {"posts": 7, "reactions": 14}
    config = discover(str(tmp_path / "out"), DataConfig())
    data = prepare(config, SplitConfig(), tmp_path / "workspace")
    assert data.manifest.quarantined == {}
    posts = data.posts(["post_id", "text", "tags", "category"]).to_pylist()
    assert [post["category"] for post in posts[:2]] == ["Comedy|Drama", None]
    assert posts[0]["text"] == "Up and Away (1999). Comedy, Drama"
    assert posts[1]["text"] == "Comma, The (2001)"
    assert posts[1]["tags"] == ["funny"]
    events = read_events(data.reactions(), [post["post_id"] for post in posts])
    assert len(events) == 14
    assert events.day.min() == pytest.approx((10**9 + 2) / 86_400)


def test_what_is_missing_is_named(folder: Path, tmp_path: Path):
    (folder / "ratings.csv").write_text("userId,movieId\n")
    with pytest.raises(BadData, match="lacks the column rating, timestamp"):
        convert(folder, tmp_path / "out")
    with pytest.raises(BadData, match=r"movies\.csv can't be read"):
        convert(tmp_path, tmp_path / "out")


def test_nothing_is_overwritten(folder: Path, tmp_path: Path):
    convert(folder, tmp_path / "out")
    with pytest.raises(Conflict):
        convert(folder, tmp_path / "out")
