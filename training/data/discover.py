"""A data configuration from a place alone: for people who put their files into one folder."""

from pyarrow import fs

from training.data.config import SAMPLE, DataConfig
from training.data.read import FORMATS
from training.data.sources import below, entries, open_filesystem


def discover(place: str, base: DataConfig | None = None) -> DataConfig:
    """Find the tables at a path or URI.

    A file, or a folder without anything called posts, is the posts. In a folder that has
    `posts.<ending>` or `posts/`, the tables `reactions` and `users` are looked for in the same
    way, and the folder `images`.

    Args:
        place: a path, a URI, or `sample`.
        base: the configuration that the places are put into; the default one if None.
    """
    base = base or DataConfig()
    found = {} if place == SAMPLE else _tables_in(place)
    return base.model_copy(update=found if "posts" in found else {"posts": place})


def _tables_in(place: str) -> dict[str, str]:
    filesystem, path = open_filesystem(place)
    if filesystem.get_file_info(path).type != fs.FileType.Directory:
        return {}
    found = {}
    for info in entries(filesystem, path):
        folder = info.type == fs.FileType.Directory
        name = info.base_name.lower()
        endings = sorted((e for e in FORMATS if not folder and name.endswith(e)), key=len)
        stem = name.removesuffix(endings[-1]) if endings else name
        if stem in ("posts", "reactions", "users") and (folder or endings):
            found[stem] = below(place, info.base_name)
        elif folder and name == "images":
            found["image_folder"] = below(place, info.base_name)
    return found
