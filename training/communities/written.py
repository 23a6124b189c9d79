"""Communities as files, in the run of the model: JSON, and the map as page, picture and data."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.communities.communities import Communities
from training.communities.map_json import write_map_json
from training.communities.map_page import write_map_page
from training.communities.map_picture import draw_map
from training.communities.map_view import lay_out
from training.interests.landscape import Landscape
from training.materials import Materials
from training.tracking.run import TrackedRun

ARTIFACT_FOLDER = "communities"
JSON, PAGE, PICTURE, MAP = "communities.json", "map.html", "map.png", "map.json"


@dataclass(frozen=True)
class Written:
    """Files of one folder."""

    json: Path
    page: Path
    picture: Path
    map: Path


def communities_document(found: Communities) -> dict[str, Any]:
    """Plain data: each community, how firm all of it is, and who is in none.

    `stability.seeds` is the adjusted Rand index of runs over the same people with other seeds,
    `stability.resamples` that of groupings of resampled people; a community's own `stability` says
    how much of it resampled people find again.
    """
    grouping = found.grouping
    return {
        "method": grouping.method,
        "level": grouping.level,
        "stability": {
            "seeds": grouping.seeds,
            "resamples": grouping.resamples.rand,
            "levels": {str(level): asdict(each) for level, each in grouping.levels.items()},
        },
        "communities": [asdict(community) for community in found.communities],
        "outside": list(found.outside),
        "without_place": list(found.without_place),
    }


def write_communities(
    found: Communities,
    landscape: Landscape,
    materials: Materials,
    folder: Path,
    *,
    title: str,
    facts: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Written:
    """Write `communities.json`, `map.html`, `map.png` and `map.json`; each appears whole.

    Args:
        found: see `find_communities`.
        landscape: that they were found in.
        materials: of the same data.
        folder: made if needed.
        title: of the map.
        facts: what else the JSON says, such as the model.
        seed: of sample and layout.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder / JSON, folder / PAGE, folder / PICTURE, folder / MAP)
    document = {**(facts or {}), **communities_document(found)}
    draft = folder / f".{JSON}.tmp"
    draft.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(draft, written.json)
    view = lay_out(landscape, found, seed=seed)
    write_map_page(view, materials, written.page, title=title)
    draw_map(view, materials, written.picture, title=title)
    write_map_json(view, found, materials, written.map, title=title)
    return written


def log_communities(run: TrackedRun, found: Communities, written: Written) -> None:
    """Leave the files and the figures with the run of the model."""
    for path in (written.json, written.page, written.picture, written.map):
        run.log_artifact(path, ARTIFACT_FOLDER)
    grouping = found.grouping
    run.log_metrics(
        {
            "communities/count": float(grouping.count),
            "communities/stability_seeds": grouping.seeds,
            "communities/stability_resamples": grouping.resamples.rand,
        }
    )
