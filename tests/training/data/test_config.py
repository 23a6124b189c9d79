import pytest

from training.data.config import DataConfig, ImageLimits
from training.errors import BadConfig


def test_a_configuration_survives_its_own_yaml(tmp_path) -> None:
    config = DataConfig(posts="s3://bucket/posts", ids="map", images=ImageLimits(max_aspect=3))
    (tmp_path / "a.yaml").write_text(config.to_yaml())
    assert DataConfig.load(tmp_path / "a.yaml") == config


def test_overrides_reach_the_limits() -> None:
    config = DataConfig.load(overrides=["images.max_megapixels=5", "max_quarantined_share=0"])
    assert config.images.max_megapixels == 5 and config.max_quarantined_share == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"posts": " "}, "posts: .*path or URI"),
        ({"users": "s3://key:secret@bucket/users"}, "environment"),
        ({"ids": "keep"}, "ids"),
        ({"max_quarantined_share": 5}, "max_quarantined_share"),
        ({"images": {"max_megapixels": 1000}}, "images.max_megapixels"),
        ({"post": "x"}, "did you mean 'posts'"),
    ],
)
def test_bad_settings_are_named(fields: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        DataConfig.parse(fields)


def test_an_anonymous_uri_has_no_password() -> None:
    assert DataConfig(posts="gs://anonymous@bucket/posts").posts.startswith("gs://")
