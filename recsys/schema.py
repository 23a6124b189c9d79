"""The collections of a version: their fields, and the index over their vectors."""

from typing import TYPE_CHECKING

from recsys.milvus import Milvus
from recsys.rows import CATEGORY_LENGTH, ID_LENGTH, LANGUAGE_LENGTH
from recsys.tags import LENGTH as TAGS_LENGTH
from recsys.versions import WEIGHTS, Target

if TYPE_CHECKING:
    from pymilvus import CollectionSchema

M, EF_CONSTRUCTION = 16, 200
"""Of HNSW: neighbours of a node, and how many are looked at to choose them."""


def create_collection(milvus: Milvus, name: str, part: str, dimension: int, kind: str) -> None:
    """Make an empty collection with its index.

    Args:
        milvus: connection.
        name: of the collection.
        part: one of `versions.PARTS`.
        dimension: D of its vectors.
        kind: FLAT or HNSW.
    """
    from pymilvus import MilvusClient

    index = MilvusClient.prepare_index_params()
    index.add_index(
        "vector",
        index_type=kind,
        metric_type="IP",  # of unit vectors: the cosine
        params={"M": M, "efConstruction": EF_CONSTRUCTION} if kind == "HNSW" else {},
    )
    milvus("create_collection", name, schema=schema_of(part, dimension))
    # without waiting: an empty collection's index is there at once, but pymilvus would sleep
    milvus("create_index", name, index, sync=False)


def schema_of(part: str, dimension: int) -> "CollectionSchema":
    """The fields of a part; see `rows.py` for what they hold."""
    from pymilvus import DataType, MilvusClient

    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=ID_LENGTH)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    if part == WEIGHTS:
        return schema
    schema.add_field("content_mark", DataType.INT64)
    if part == Target.USERS:
        return schema
    schema.add_field("author", DataType.VARCHAR, max_length=ID_LENGTH)
    schema.add_field("language", DataType.VARCHAR, max_length=LANGUAGE_LENGTH, nullable=True)
    schema.add_field("created_at", DataType.INT64, nullable=True)  # seconds since 1970
    schema.add_field("tags", DataType.VARCHAR, max_length=TAGS_LENGTH)
    schema.add_field("category", DataType.VARCHAR, max_length=CATEGORY_LENGTH, nullable=True)
    schema.add_field("fields_mark", DataType.INT64)
    return schema
