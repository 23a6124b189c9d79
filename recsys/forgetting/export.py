"""All that is stored about one person, for them to read: JSON and their pictures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from recsys.events.tables import metadata, people, pictures, posts, reactions
from recsys.forgetting.forget import Opened, opened
from recsys.forgetting.keeper import Places
from recsys.forgetting.receipt import write_whole
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.errors import Conflict, NotFound

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
_OWN = (people, posts, reactions, pictures)
_INTERNAL = ("tombstones", "leases", "unindexed", "tallies")
"""Tables that say nothing about a person that isn't said elsewhere."""


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: where.
        counts: entries of each file, by its name.
    """

    folder: Path
    counts: Mapping[str, int]


def export_person(places: Places, user_id: str, folder: Path) -> Exported:
    """Write everything about a person into a folder.

    `profile.json`, `posts.json` with `pictures/`, `reactions_made.json`, `reactions_received.json`,
    a file for every further table of the event database that names the person (such as
    `boundaries.json` and `exposures.json`), `vector.json` and `communities.json`.

    Args:
        places: where everything is.
        user_id: whose.
        folder: new or empty.
    Raises: NotFound with near ids; Conflict if the folder holds something, or can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Conflict(f"{folder} isn't empty", hint="name a new folder")
    except OSError as error:
        raise Conflict(f"{folder} can't be written: {error.strerror}") from None
    with opened(places) as stores:
        person = stores.events.person(user_id)
        profile = [{"user_id": user_id, "text": person.profile, "image_hash": person.image_hash}]
        written: dict[str, list[dict[str, Any]]] = {"profile": profile}
        own = _rows(stores, posts, posts.c.user_id == user_id)
        _pictures(stores, [*profile, *own], folder / "pictures")
        written["posts"] = own
        ids = [post["post_id"] for post in own]
        written["reactions_made"] = _rows(stores, reactions, reactions.c.user_id == user_id)
        written["reactions_received"] = [
            row
            for start in range(0, len(ids), 500)
            for row in _rows(stores, reactions, reactions.c.post_id.in_(ids[start : start + 500]))
        ]
        for table in metadata.sorted_tables:
            if table not in _OWN and table.name not in _INTERNAL:
                written[table.name] = _naming(stores, table, user_id)
    written["vector"] = _vector(places, user_id)
    written["communities"] = list(_communities(places.workspace, user_id))
    for name, entries in written.items():
        write_whole(folder / f"{name}.json", json.dumps(entries, indent=1, ensure_ascii=False))
    return Exported(folder, {name: len(entries) for name, entries in written.items()})


def _rows(stores: Opened, table: Table, where: Any) -> list[dict[str, Any]]:
    with stores.engine.connect() as connection:
        rows = connection.execute(select(table).where(where).order_by(*table.primary_key))
        return [{name: _plain(value) for name, value in row._mapping.items()} for row in rows]


def _naming(stores: Opened, table: Table, user_id: str) -> list[dict[str, Any]]:
    """Rows of a table that are the person's; who set a boundary against them is not theirs."""
    if "user_id" not in table.c:
        return []
    return _rows(stores, table, table.c.user_id == user_id)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _pictures(stores: Opened, shown: list[dict[str, Any]], folder: Path) -> None:
    """Write pictures into files, and name these in what shows them."""
    stored = stores.events.pictures({each["image_hash"] for each in shown if each["image_hash"]})
    for number, each in enumerate(shown):
        picture = stored.get(each["image_hash"] or "")
        if picture is None:
            continue
        folder.mkdir(exist_ok=True)
        # by number: an id may hold a slash
        name = f"{number:05d}.{_ENDINGS.get(picture.media_type, 'bin')}"
        (folder / name).write_bytes(picture.data)
        each["picture"] = f"{folder.name}/{name}"


def _vector(places: Places, user_id: str) -> list[dict[str, Any]]:
    """Where the person stands in the index that is in use; empty without one."""
    location = places.index.location(places.workspace)
    if not places.index.remote and not Path(location).exists():
        return []
    with VectorStore(places.index, places.workspace) as store:
        try:
            view = store.live()
        except NotFound:
            return []
        found = view.fetch(Target.USERS, [user_id])
        return [
            {"model_version": view.version.model, "vector": vector.tolist()}
            for vector in found.values()
        ]


def _communities(workspace: Path, user_id: str) -> Iterator[dict[str, Any]]:
    """The communities that `commonspace communities` found the person in."""
    for path in sorted(workspace.glob("runs/*/communities/communities.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        for community in document.get("communities", []):
            if user_id in community.get("people", []):
                yield {"run": path.parents[1].name, "name": community.get("name")}
