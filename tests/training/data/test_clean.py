import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import ray

from training.data.clean import CleanData
from training.data.tables import POSTS, REACTIONS, USERS
from training.data.validate import content_hash
from training.errors import BadData, NotFound


def test_tables(clean_sample: CleanData, small_posts: Path) -> None:
    source = pq.read_table(small_posts)
    posts = clean_sample.posts()
    assert posts.schema.names == [name for name in POSTS.names if name != "image"]
    assert posts["post_id"].to_pylist() == source["post_id"].to_pylist()
    assert posts["category"].to_pylist() == source["category"].to_pylist()
    assert clean_sample.posts(["image"])["image"].to_pylist() == source["image"].to_pylist()
    assert clean_sample.reactions().schema == REACTIONS
    assert clean_sample.users(["user_id"])["user_id"].to_pylist() == list(
        dict.fromkeys(source["user_id"].to_pylist())
    )
    assert clean_sample.users().schema.names == [name for name in USERS.names if name != "image"]
    assert clean_sample.quarantine().num_rows == 0
    assert clean_sample.mapped_ids().num_rows == 0


def test_hashes_tell_equal_content(clean_sample: CleanData) -> None:
    posts = clean_sample.posts(["text", "text_hash", "image", "image_hash"]).to_pylist()
    for row in posts[:20]:
        assert row["text_hash"] == content_hash(row["text"].encode())
        assert row["image_hash"] == content_hash(row["image"])
        assert len(row["image_hash"]) == 32


def test_splits_lie_beside_the_posts(clean_sample: CleanData) -> None:
    parts = clean_sample.splits()
    assert parts.dtype.kind == "U" and len(parts) == clean_sample.posts().num_rows
    assert clean_sample.manifest.splits == dict(Counter(parts.tolist()))
    authors = np.array(clean_sample.posts(["user_id"])["user_id"].to_pylist())
    posts_of = Counter(authors.tolist())
    for part in ("test", "validation"):
        assert set(authors[parts == part]) == {name for name, n in posts_of.items() if n >= 5}


def test_images_in_any_order(clean_sample: CleanData) -> None:
    everything = clean_sample.posts(["image"])["image"].to_pylist()
    rows = np.random.default_rng(0).integers(0, len(everything), 300).tolist()
    assert clean_sample.images(rows) == [everything[row] for row in rows]
    assert clean_sample.images([]) == []
    for row in (-1, len(everything)):
        with pytest.raises(IndexError):
            clean_sample.images([row])


def test_a_handle_travels_to_other_processes(clean_sample: CleanData) -> None:
    clean_sample.images([0])
    assert pickle.loads(pickle.dumps(clean_sample)) == clean_sample

    @ray.remote(num_cpus=0)
    def image_of(data: CleanData, row: int) -> bytes | None:
        return data.images([row])[0]

    found = ray.get([image_of.remote(clean_sample, row) for row in (3, 8)])
    assert found == clean_sample.images([3, 8])


def test_the_manifest_names_source_and_settings(clean_sample: CleanData) -> None:
    manifest = clean_sample.manifest
    assert clean_sample.root.name == manifest.digest
    (record,) = manifest.source
    assert record.table == "posts" and record.mark.startswith("content:")
    assert manifest.counts["posts"] == sum(manifest.splits.values())
    assert manifest.config.posts.endswith("posts.parquet")
    assert manifest.quarantined == {}
    assert CleanData.open(clean_sample.root).manifest == manifest


def test_what_is_no_clean_data(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        CleanData.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(BadData, match="prepare the data again"):
        CleanData.open(tmp_path)
