"""Turn a folder of MovieLens (`ml-latest-small` and its kin) into posts and reactions.

MovieLens may be used for research, not redistributed (its README has the terms): the folder is the
caller's, nothing of it is shipped. A film becomes a post of the one author `movielens`, its text
the title and the genres; the genres are its category, too, with bars between them. Tags go into the
column `tags`, not into the text: they are dated, and a tag that was given after a held-out rating
would tell of it.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.data.tables import INSTANT
from training.errors import BadData, Conflict

AUTHOR = "movielens"
NO_GENRES = "(no genres listed)"
_SECOND = 1_000_000  # in microseconds, the unit of INSTANT


def convert(folder: Path, to: Path) -> dict[str, int]:
    """Write `posts.parquet` and `reactions.parquet` (kind `rate`, value in stars, dated).

    Args:
        folder: holds movies.csv and ratings.csv, and tags.csv if there is one.
        to: a new or empty folder.
    Returns: rows of each table.
    Raises: BadData naming the file and line that can't be read; Conflict if a table exists.
    """
    targets = {name: to / f"{name}.parquet" for name in ("posts", "reactions")}
    for path in targets.values():
        if path.exists():
            raise Conflict(f"{path} exists", hint="choose another folder, or remove it")
    tables = {"posts": _posts(folder), "reactions": _reactions(folder)}
    to.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        pq.write_table(table, targets[name])
    return {name: table.num_rows for name, table in tables.items()}


def _posts(folder: Path) -> pa.Table:
    tags = _tags(folder)
    films = list(_rows(folder / "movies.csv", ("movieId", "title", "genres")))
    return pa.table(
        {
            "post_id": [f"film{film}" for film, _, _ in films],
            "user_id": [AUTHOR] * len(films),
            "text": [_text(title, genres) for _, title, genres in films],
            "category": [None if genres == NO_GENRES else genres for _, _, genres in films],
            "tags": pa.array([tags.get(film, []) for film, _, _ in films], pa.list_(pa.string())),
        }
    )


def _text(title: str, genres: str) -> str:
    return title if genres == NO_GENRES else f"{title}. {genres.replace('|', ', ')}"


def _tags(folder: Path) -> dict[str, list[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    if (folder / "tags.csv").exists():
        for film, tag in _rows(folder / "tags.csv", ("movieId", "tag")):
            found[film].add(tag.lower())
    return {film: sorted(tags) for film, tags in found.items()}


def _reactions(folder: Path) -> pa.Table:
    path = folder / "ratings.csv"
    people, films, values, instants = [], [], [], []
    columns = ("userId", "movieId", "rating", "timestamp")
    for line, (person, film, rating, second) in enumerate(_rows(path, columns), start=2):
        people.append(f"person{person}")
        films.append(f"film{film}")
        try:
            values.append(float(rating))
            instants.append(int(second) * _SECOND)
        except ValueError:
            raise BadData(f"{path}:{line}: rating and timestamp must be numbers") from None
    return pa.table(
        {
            "user_id": people,
            "post_id": films,
            "kind": ["rate"] * len(people),
            "value": values,
            "created_at": pa.array(instants, pa.int64()).cast(INSTANT),
        }
    )


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = set(columns) - set(reader.fieldnames or ())
            if missing:
                raise BadData(f"{path} lacks the column {', '.join(sorted(missing))}")
            for row in reader:
                yield tuple(row[name] or "" for name in columns)
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(
            f"{path} can't be read: {error}", hint="give the unpacked folder of a MovieLens set"
        ) from None
