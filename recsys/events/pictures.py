"""Pictures of posts and people: what pages show, and what a new model version is shown again."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from PIL import Image
from sqlalchemy import Connection, delete, select

from recsys.events.tables import people, pictures, posts
from recsys.events.upsert import upsert
from training.data.images import decode_image

SIDE = 512
BYTES = 64 * 1024
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
_QUALITY = 85


@dataclass(frozen=True)
class StoredPicture:
    """An encoded picture.

    Attributes:
        media_type: such as `image/webp`.
        data: at most some ten thousand bytes, `SIDE` pixels at most a side.
    """

    media_type: str
    data: bytes


def displayed(data: bytes) -> StoredPicture:
    """A picture as it is kept: itself if it is small, else smaller, as WebP.

    A picture that is written anew stands upright and has lost its metadata.

    Raises: BadData if it can't be read.
    """
    image = decode_image(data)
    with Image.open(io.BytesIO(data)) as header:
        kind = _TYPES.get(header.format or "")
        small = max(header.size) <= SIDE and len(data) <= BYTES and not header.getexif()
        ends = _ends(data, header.format)
    if kind and small and ends:
        return StoredPicture(kind, data)
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "WEBP", quality=_QUALITY)
    return StoredPicture("image/webp", file.getvalue())


def put_pictures(connection: Connection, batch: dict[str, StoredPicture]) -> None:
    """Store pictures by the hash of the content that they stand for; those there stay."""
    if not batch:
        return
    statement = upsert(connection, pictures).on_conflict_do_nothing(index_elements=["image_hash"])
    rows = [
        {"image_hash": hash, "media_type": one.media_type, "data": one.data}
        for hash, one in batch.items()
    ]
    connection.execute(statement, rows)


def read_pictures(connection: Connection, hashes: Collection[str]) -> dict[str, StoredPicture]:
    """Those of the pictures that are stored, by hash."""
    query = select(pictures).where(pictures.c.image_hash.in_(hashes))
    return {
        row.image_hash: StoredPicture(row.media_type, bytes(row.data))
        for row in connection.execute(query)
    }


def drop_unused(connection: Connection, hashes: Sequence[str | None]) -> None:
    """Delete those pictures that no post and no person shows any more."""
    by_post = select(posts.c.post_id).where(posts.c.image_hash == pictures.c.image_hash)
    by_person = select(people.c.user_id).where(people.c.image_hash == pictures.c.image_hash)
    unused = ~by_post.exists() & ~by_person.exists()
    for hash in {hash for hash in hashes if hash}:
        connection.execute(delete(pictures).where(pictures.c.image_hash == hash, unused))


def _ends(data: bytes, kind: str | None) -> bool:
    """Whether nothing comes behind the picture: a file may be a picture and a program at once."""
    match kind:
        case "JPEG":
            return data.endswith(b"\xff\xd9")
        case "PNG":
            return data.endswith(b"IEND\xaeB\x60\x82")
        case "GIF":
            return data.endswith(b";")
        case "WEBP":
            return int.from_bytes(data[4:8], "little") + 8 == len(data)
    return False
