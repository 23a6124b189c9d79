"""All that the event database holds about one person, for that person."""

import base64
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select

from recsys.events import tables
from recsys.events.pictures import read_pictures

_OF_PERSON: dict[str, Table] = {
    "person": tables.people,
    "posts": tables.posts,
    "reactions": tables.reactions,
    "boundaries": tables.boundaries,
    "exposures": tables.exposures,
}


def about(connection: Connection, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of a person in each table, as JSON has them; private posts and pictures, too.

    What others did to them, such as likes and blocks, is about those others and not in it.
    """
    found = {name: _rows(connection, table, user_id) for name, table in _OF_PERSON.items()}
    hashes = {row["image_hash"] for row in (*found["person"], *found["posts"])} - {None}
    pictures = read_pictures(connection, hashes)
    found["pictures"] = [
        {
            "image_hash": hash,
            "media_type": pictures[hash].media_type,
            "data": base64.b64encode(pictures[hash].data).decode(),
        }
        for hash in sorted(pictures)
    ]
    return found


def _rows(connection: Connection, table: Table, user_id: str) -> list[dict[str, Any]]:
    query = select(table).where(table.c.user_id == user_id).order_by(*table.primary_key)
    return [
        {name: _plain(value) for name, value in row.items()}
        for row in connection.execute(query).mappings()
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
