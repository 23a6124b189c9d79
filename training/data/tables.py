"""The tables: what a source may hold, and what is kept of it once it is clean."""

import pyarrow as pa

POST_FIELDS = (
    "post_id",
    "user_id",
    "text",
    "image",
    "tags",
    "created_at",
    "language",
    "private",
    "category",
)
REACTION_FIELDS = ("user_id", "post_id", "kind", "value", "created_at")
USER_FIELDS = ("user_id", "text", "image")

FIELDS = {"posts": POST_FIELDS, "reactions": REACTION_FIELDS, "users": USER_FIELDS}
"""The columns that are read; any other column of a source is left alone and reported."""

REQUIRED = {
    "posts": ("post_id", "user_id"),
    "reactions": ("user_id", "post_id", "kind", "created_at"),
    "users": ("user_id",),
}

INSTANT = pa.timestamp("us", tz="UTC")

POSTS = pa.schema(
    [
        pa.field("post_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("image", pa.binary()),  # encoded as it came: JPEG, PNG, WebP or GIF
        pa.field("tags", pa.list_(pa.string())),
        pa.field("created_at", INSTANT),
        pa.field("language", pa.string()),
        pa.field("private", pa.bool_(), nullable=False),  # kept for its author, never indexed
        pa.field("category", pa.string()),  # a label for evaluation, never an input
        pa.field("text_hash", pa.string()),  # blake2b-128 of the cleaned text, hexadecimal
        pa.field("image_hash", pa.string()),  # blake2b-128 of the encoded image
    ]
)

REACTIONS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("post_id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("created_at", INSTANT, nullable=False),
    ]
)

USERS = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("image", pa.binary()),
        pa.field("text_hash", pa.string()),
        pa.field("image_hash", pa.string()),
    ]
)

QUARANTINE = pa.schema(
    [
        pa.field("table", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),  # from 1; a JSONL row is its line
        pa.field("field", pa.string()),  # null: the row as a whole
        pa.field("reason", pa.string(), nullable=False),  # one of `quarantine.Reason`
        pa.field("detail", pa.string(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),  # the row as JSON, long values cut
        pa.field("image", pa.binary()),  # the image's bytes, where it was the problem
    ]
)

MAPPED_IDS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("original", pa.string(), nullable=False),
    ]
)

CLEAN = {"posts": POSTS, "reactions": REACTIONS, "users": USERS}

# What the checks of one row add for the checks across rows; gone once a table is written.
LEDGER_FIELDS = [
    pa.field("_file", pa.string()),
    pa.field("_row", pa.int64()),
    pa.field("_key", pa.uint64()),  # 64-bit hash of what must be unique in the table
    pa.field("_user", pa.uint64()),
    pa.field("_post", pa.uint64()),
    pa.field("_mapped", pa.list_(pa.struct(list(MAPPED_IDS)))),
    pa.field("_field", pa.string()),
    pa.field("_reason", pa.string()),  # null: the row is good so far
    pa.field("_detail", pa.string()),
    pa.field("_raw", pa.string()),
    pa.field("_bad_image", pa.binary()),
]

CHECKED = {
    table: pa.schema([schema_field.with_nullable(True) for schema_field in schema] + LEDGER_FIELDS)
    for table, schema in CLEAN.items()
}
"""Rows that were checked one by one, good and bad together, in the order of their source."""
