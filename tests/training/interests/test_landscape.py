from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.training.planted import Planted, WordEncoder
from training.errors import BadData
from training.interests.encoding import encode_terms
from training.interests.landscape import survey, survey_if_public


def test_only_public_training_posts_are_in_it(planted: Planted) -> None:
    data, landscape = planted.materials.data, planted.landscape
    private = data.posts(["private"])["private"].to_pylist()
    expected = [
        row
        for row, (split, hidden) in enumerate(zip(data.splits(), private, strict=True))
        if split == "train" and not hidden
    ]
    assert landscape.rows.tolist() == expected
    assert any(private)
    np.testing.assert_allclose(np.linalg.norm(landscape.posts, axis=1), 1, atol=1e-5)
    assert landscape.present.all()


def test_a_sample_is_in_order_and_the_same_again(planted: Planted) -> None:
    few = survey(planted.space, planted.materials, most_posts=30)
    again = survey(planted.space, planted.materials, most_posts=30)
    assert few.rows.tolist() == again.rows.tolist() == sorted(set(few.rows.tolist()))
    assert len(few.rows) == 30


def test_a_left_out_row_is_found_by_its_place_in_the_data(planted: Planted) -> None:
    landscape = planted.landscape
    some = landscape.posts[:5]
    near = landscape.around(some, "post", without=landscape.rows[:5])
    assert not np.diag(near.matrix().toarray()[:, :5]).any()
    outside = np.setdiff1d(np.arange(landscape.rows.max()), landscape.rows)[:5]
    kept = landscape.around(some, "post", without=outside)
    plain = landscape.around(some, "post")
    np.testing.assert_array_equal(kept.rows, plain.rows)


def test_with_tags_drops_the_posts_that_have_none(planted: Planted) -> None:
    around = planted.landscape.with_tags()
    tags = planted.materials.data.posts(["tags"])["tags"].take(around.rows).to_pylist()
    assert all(tags)
    assert 0 < len(around.rows) < len(planted.landscape.rows)


class _AllPrivate:
    """The data of a network where every post is private."""

    def __init__(self, data) -> None:
        self._data = data

    def posts(self, columns):
        table = self._data.posts(columns)
        if "private" not in columns:
            return table
        hidden = pa.array([True] * table.num_rows)
        return table.set_column(table.column_names.index("private"), "private", hidden)

    def splits(self):
        return self._data.splits()


def test_where_everything_is_private_nothing_is_told(planted: Planted) -> None:
    hidden = replace(planted.materials, data=_AllPrivate(planted.materials.data))  # pyright: ignore[reportArgumentType]
    assert survey_if_public(planted.space, hidden) is None
    with pytest.raises(BadData, match="every training post is private"):
        survey(planted.space, hidden)


def test_terms_are_encoded_once(planted: Planted, tmp_path, monkeypatch) -> None:
    asked: list[str] = []
    encode = WordEncoder.encode
    monkeypatch.setattr(
        WordEncoder, "encode", lambda self, texts: (asked.extend(texts), encode(self, texts))[1]
    )
    first = encode_terms(planted.space, ["apple", "comet"], tmp_path)
    second = encode_terms(planted.space, ["comet", "puppy", "apple"], tmp_path)
    assert asked == ["apple", "comet", "puppy"]
    np.testing.assert_allclose(second[[2, 0]], first, atol=1e-6)
    np.testing.assert_allclose(encode_terms(planted.space, ["apple", "comet"]), first, atol=1e-6)
    assert encode_terms(planted.space, [], tmp_path).shape == (0, planted.space.dimension)
