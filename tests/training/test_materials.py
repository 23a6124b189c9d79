from pathlib import Path

import pyarrow as pa
import torch

from training.data.clean import CleanData
from training.data.config import DataConfig, SplitConfig
from training.data.prepare import prepare
from training.encoders import EncoderConfig
from training.examples import assemble
from training.features import EncodingConfig, compute_features, table
from training.histories import histories
from training.materials import assemble_examples
from training.run_config import RunConfig
from training.synthetic.config import SyntheticConfig
from training.synthetic.write import write

HERE = EncodingConfig(here_below=10**9)


def read(folder: Path) -> CleanData:
    config = SyntheticConfig(posts=900, people=60, images=0.2, interests=5, flaws=0.01)
    write(config, folder / "made-up", shards=2)
    source = DataConfig(
        posts=str(folder / "made-up/posts"), reactions=str(folder / "made-up/reactions")
    )
    return prepare(source, SplitConfig(), folder)


def test_examples_are_those_that_lists_of_everything_give(
    ray_session: None, tmp_path: Path, monkeypatch
) -> None:
    """In windows, from streams and in arrays: the same to the last bit."""
    data = read(tmp_path)
    image, text = EncoderConfig(name="histogram/32"), EncoderConfig(name="hashed/64")
    whole = compute_features(data, image, text, tmp_path / "whole", config=HERE)
    monkeypatch.setattr(table, "_WINDOW", 250)
    monkeypatch.setattr("training.data.clean._ROWS_AT_ONCE", 100)
    monkeypatch.setattr("training.data.columns._IN_MEMORY_BYTES", 1000)
    features = compute_features(data, image, text, tmp_path / "parts", config=HERE)
    assert (features.computed, features.reused) == (whole.computed, 0)
    assert torch.equal(features.posts.text, whole.posts.text)
    assert torch.equal(features.posts.image, whole.posts.image)
    assert features.post_ids.tolist() == data.posts(["post_id"])["post_id"].to_pylist()
    assert features.user_ids.tolist() == whole.user_ids.tolist()
    assert not list(data.root.glob("tmp*"))
    examples = assemble_examples(RunConfig(), data, features)
    columns = data.posts(["text_hash", "image_hash"])
    plain = assemble(
        features.posts,
        features.user_ids.tolist(),
        columns["text_hash"].to_pylist(),
        columns["image_hash"].to_pylist(),
        data.splits().tolist(),
        histories(features.post_ids, features.user_ids, data.reactions(), RunConfig().history),
    )
    assert examples.users == plain.users
    for name in ("split", "history_rows", "history_start", "history_weight"):
        assert torch.equal(getattr(examples, name), getattr(plain, name)), name
    assert torch.equal(examples.keys.author, plain.keys.author)
    for mine, theirs in zip(
        (examples.keys.text, examples.keys.image), (plain.keys.text, plain.keys.image), strict=True
    ):
        assert torch.equal(mine[:, None] == mine, theirs[:, None] == theirs)
    assert pa.table(data.posts(["post_id"])).num_rows == len(examples.split)
