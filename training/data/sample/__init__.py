"""The shipped sample: posts of the Open Clip Art Library, in the public domain (see README.md)."""

from pathlib import Path


def sample_path() -> str:
    """The sample's posts, a Parquet file."""
    return str(Path(__file__).with_name("posts.parquet"))
