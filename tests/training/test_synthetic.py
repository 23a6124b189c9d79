import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from training.encoders import EncoderConfig, build_image_encoder, build_text_encoder
from training.errors import Conflict
from training.synthetic.blocks import ROWS, make_block
from training.synthetic.config import SyntheticConfig
from training.synthetic.world import make_world
from training.synthetic.write import write

CONFIG = SyntheticConfig(posts=4000, people=400, interests=8, images=0.1, flaws=0.01)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synthetic") / "network"
    write(CONFIG, folder)
    return folder


def test_rows_are_the_same_for_any_number_of_files(tmp_path: Path) -> None:
    config = SyntheticConfig(posts=2 * ROWS + 7, people=50, seed=3)
    for shards in (1, 3):
        write(config, tmp_path / str(shards), shards=shards)
    for table in ("posts", "reactions", "truth/posts.parquet"):
        whole, parted = (pq.read_table(tmp_path / name / table) for name in ("1", "3"))
        assert whole.equals(parted)
    other = make_block(make_world(config.model_copy(update={"seed": 4})), 0)
    assert not other.posts.equals(pq.read_table(tmp_path / "1/posts").slice(0, ROWS))


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(Conflict, match="not empty"):
        write(CONFIG, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@settings(max_examples=10, deadline=None)
@given(
    people=st.integers(1, 60),
    more=st.integers(0, 200),
    interests=st.integers(1, 12),
    seed=st.integers(0, 99),
)
def test_what_is_written_is_what_was_asked_for(
    people: int, more: int, interests: int, seed: int
) -> None:
    config = SyntheticConfig(posts=people + more, people=people, interests=interests, seed=seed)
    world = make_world(config)
    assert len(set(world.vocabulary.tolist())) == len(world.vocabulary)
    assert all(len(set(row)) == len(row) for row in world.interests.tolist())
    np.testing.assert_allclose(world.shares.sum(axis=1), 1, rtol=1e-5)
    block = make_block(world, 0)
    assert len(set(block.posts["post_id"].to_pylist())) == config.posts
    assert len(set(block.posts["user_id"].to_pylist())) == people
    assert min(block.truth["interest"].to_pylist()) >= 0
    assert max(block.truth["interest"].to_pylist()) < interests
    pairs = list(
        zip(
            block.reactions["user_id"].to_pylist(),
            block.reactions["post_id"].to_pylist(),
            strict=True,
        )
    )
    assert len(pairs) == len(set(pairs))


def test_people_post_and_react_by_their_interests(network: Path) -> None:
    people = pq.read_table(network / "truth/people.parquet").to_pylist()
    mixture = {
        row["user_id"]: dict(zip(row["interests"], row["shares"], strict=True)) for row in people
    }
    truth = {
        row["post_id"]: row["interest"]
        for row in pq.read_table(network / "truth/posts.parquet").to_pylist()
    }
    posts = [p for p in pq.read_table(network / "posts").to_pylist() if p["post_id"] in truth]
    own = np.mean([truth[p["post_id"]] in mixture[p["user_id"]] for p in posts])
    # of the strays some hit by chance: four of eight interests
    assert own == pytest.approx(CONFIG.fidelity + (1 - CONFIG.fidelity) / 2, abs=0.03)
    foremost = np.mean(
        [
            max(m, key=m.__getitem__) == truth[p["post_id"]]
            for p, m in ((p, mixture[p["user_id"]]) for p in posts)
        ]
    )
    expected = np.mean([max(m.values()) for m in mixture.values()])
    assert foremost == pytest.approx(CONFIG.fidelity * expected + 0.15 / 8, abs=0.05)
    reactions = pq.read_table(network / "reactions").to_pylist()
    known = [r for r in reactions if r["post_id"] in truth]
    shared = np.mean([truth[r["post_id"]] in mixture[r["user_id"]] for r in known])
    assert shared == pytest.approx(CONFIG.fidelity + (1 - CONFIG.fidelity) / 2, abs=0.05)
    activity = Counter(p["user_id"] for p in posts)
    assert activity.most_common(1)[0][1] > 10 * np.median(list(activity.values()))


def test_interests_can_be_recovered_from_texts_and_from_pictures(network: Path) -> None:
    truth = dict(
        zip(
            *(c.to_pylist() for c in pq.read_table(network / "truth/posts.parquet").columns),
            strict=True,
        )
    )
    rows = [p for p in pq.read_table(network / "posts").to_pylist() if p["post_id"] in truth]
    texts = build_text_encoder(EncoderConfig(name="hashed/256"))
    images = build_image_encoder(EncoderConfig(name="histogram/32"))
    for column, encoder in (("text", texts), ("image", images)):
        held = [row for row in rows if row[column] is not None]
        vectors = encoder.encode([row[column] for row in held]).numpy()
        interest = np.array([truth[row["post_id"]] for row in held])
        half = len(held) // 2
        centres = np.stack([vectors[:half][interest[:half] == i].mean(0) for i in range(8)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        guessed = (vectors[half:] @ centres.T).argmax(axis=1)
        assert np.mean(guessed == interest[half:]) > 0.75, column  # by chance 0.125


def test_shares_are_as_asked_for_and_flaws_are_counted(network: Path) -> None:
    posts = pq.read_table(network / "posts")
    pictured = [image for image in posts["image"].to_pylist() if image is not None]
    assert len(pictured) / len(posts) == pytest.approx(CONFIG.images, abs=0.02)
    assert Image.open(io.BytesIO(pictured[0])).size == (32, 32)
    assert len(set(pictured)) == len(pictured)
    document = json.loads((network / "truth/truth.json").read_text())
    flaws = document["counts"]["flaws"]
    assert flaws / len(posts) == pytest.approx(CONFIG.flaws, abs=0.006)
    assert len(pq.read_table(network / "truth/posts.parquet")) == len(posts) - flaws
