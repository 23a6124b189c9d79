"""The map as data, for those who draw it themselves: the web page does."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.communities.communities import Communities, Community
from training.communities.map_figure import colour_of
from training.communities.map_view import MapView
from training.evaluation.style import shorten
from training.materials import Materials

_TITLE = 80
_PEOPLE = 8
_DIGITS = 4
"""Places of a coordinate in [0, 1]: finer than any screen."""


def map_document(
    view: MapView, found: Communities, materials: Materials, *, title: str
) -> dict[str, Any]:
    """Plain data.

    `points` are `[kind, id, title, x, y, community]` with the kind `post` or `person`, x and y in
    [0, 1] with y upwards, and the community's id or -1; people after posts. `communities` are
    `{id, name, colour, size, people, posts}` with the most central people, and posts as
    `[id, title]`.

    Args:
        view: where everything is; only public posts are in it.
        found: the communities of the view.
        materials: of the same data.
        title: of the map.
    """
    posts = materials.data.posts(["post_id", "text"]).take(view.rows).to_pylist()
    people = [materials.examples.users[person] for person in view.people]
    return {
        "title": title,
        "points": [
            *_points(
                "post",
                [(post["post_id"], _title(post["text"], post["post_id"])) for post in posts],
                view.posts,
                view.post_community,
            ),
            *_points(
                "person", [(person, person) for person in people], view.stars, view.star_community
            ),
        ],
        "communities": [_community(number, each) for number, each in enumerate(found.communities)],
    }


def write_map_json(
    view: MapView, found: Communities, materials: Materials, path: Path, *, title: str
) -> Path:
    """Write the document; it appears whole. Arguments as `map_document`."""
    document = map_document(view, found, materials, title=title)
    draft = path.with_name(f".{path.name}.tmp")
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
    return path


def _points(
    kind: str,
    named: Sequence[tuple[str, str]],
    places: np.ndarray,
    communities: np.ndarray,
) -> list[list[Any]]:
    rounded = places.astype(float).round(_DIGITS).tolist()
    return [
        [kind, name, title, x, y, community]
        for (name, title), (x, y), community in zip(
            named, rounded, communities.tolist(), strict=True
        )
    ]


def _community(number: int, community: Community) -> dict[str, Any]:
    return {
        "id": number,
        "name": community.name,
        "colour": colour_of(number),
        "size": community.size,
        "people": list(community.people[:_PEOPLE]),
        "posts": [[post.post_id, _title(post.text, post.post_id)] for post in community.posts],
    }


def _title(text: str | None, post_id: str) -> str:
    first = (text or "").strip().split("\n", 1)[0]
    return shorten(first.split(". ", 1)[0], _TITLE) or post_id
