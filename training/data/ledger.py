"""The checks across rows: duplicates, references, and who is known. Memory: some bytes a row."""

import numpy as np
import pyarrow as pa

from training.data.identity import IdSet, hash_id
from training.data.quarantine import Reason, raw_json
from training.data.tables import CLEAN, MAPPED_IDS, QUARANTINE

ORDER = ("users", "posts", "reactions")
"""People before what they wrote, posts before the reactions to them."""


class Ledger:
    """Remembers, by 64-bit hash, every good row that later rows may repeat or refer to.

    Args:
        users_listed: whether a table of users was read, so that nobody else may react (authors
            count as known). Without one, everybody who reacts is a person.
    """

    def __init__(self, *, users_listed: bool) -> None:
        self._users_listed = users_listed
        self._people = IdSet()
        self._posts = IdSet()
        self._reactions = IdSet()
        self._mapped = IdSet()

    @property
    def people(self) -> int:
        """How many different people good rows have named."""
        return len(self._people)

    def judge(self, table: str, block: pa.Table) -> pa.Table:
        """The same block, with the rows marked bad that earlier rows make so."""
        good = block["_reason"].is_null().to_numpy().copy()
        key, user, post = (_hashes(block, name) for name in ("_key", "_user", "_post"))
        bad: list[tuple[np.ndarray, str, Reason]] = []

        def refuse(rows: np.ndarray, field: str, reason: Reason) -> None:
            bad.append((rows, field, reason))
            good[rows] = False

        match table:
            case "users":
                refuse(good & ~self._people.add(_only(key, good)), "user_id", Reason.DUPLICATE)
            case "posts":
                refuse(good & ~self._posts.add(_only(key, good)), "post_id", Reason.DUPLICATE)
            case _:
                refuse(good & ~self._posts.contains(post), "post_id", Reason.UNKNOWN_POST)
                if self._users_listed:
                    refuse(good & ~self._people.contains(user), "user_id", Reason.UNKNOWN_USER)
                refuse(good & ~self._reactions.add(_only(key, good)), "kind", Reason.DUPLICATE)
        return _mark(table, block, bad)

    def newcomers(self, good: pa.Table) -> list[str]:
        """People that good rows name and that were not known before; they are now."""
        fresh = self._people.add(_hashes(good, "_user"))
        return good["user_id"].filter(pa.array(fresh)).to_pylist()

    def mapped(self, good: pa.Table) -> pa.Table:
        """The ids of good rows that had to be mapped, each once: a table of `MAPPED_IDS`."""
        pairs = good["_mapped"].combine_chunks().flatten()
        ids = pairs.field("id")
        hashes = np.array([hash_id(text) for text in ids.to_pylist()], dtype=np.uint64)
        fresh = pa.array(self._mapped.add(hashes))
        columns = [pairs.field(name).filter(fresh) for name in MAPPED_IDS.names]
        return pa.table(columns, schema=MAPPED_IDS)


def part(table: str, block: pa.Table) -> tuple[pa.Table, pa.Table]:
    """A judged block as its good rows (ledger columns still there) and a table of `QUARANTINE`."""
    reason = block["_reason"]
    good, bad = block.filter(reason.is_null()), block.filter(reason.is_valid())
    columns = {
        "table": pa.repeat(table, len(bad)),
        **{name: bad[f"_{name}"] for name in ("file", "row", "field", "reason", "detail", "raw")},
        "image": bad["_bad_image"],
    }
    return good, pa.table(columns, schema=QUARANTINE)


def clean_columns(table: str, good: pa.Table) -> pa.Table:
    """What a clean table keeps of good rows."""
    return good.select(CLEAN[table].names).cast(CLEAN[table])


def _hashes(block: pa.Table, name: str) -> np.ndarray:
    return block[name].fill_null(0).to_numpy()


def _only(hashes: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.where(rows, hashes, np.uint64(0))


def _mark(table: str, block: pa.Table, bad: list[tuple[np.ndarray, str, Reason]]) -> pa.Table:
    """Write reasons into a block. A row that is good by itself has its clean form for its raw."""
    rows = {row: (name, why) for mask, name, why in bad for row in np.flatnonzero(mask).tolist()}
    if not rows:
        return block
    marks = {name: block[name].to_pylist() for name in ("_field", "_reason", "_detail", "_raw")}
    for row, (name, reason) in rows.items():
        clean = block.slice(row, 1).select(CLEAN[table].names).to_pylist()[0]
        given = {key: value for key, value in clean.items() if not key.endswith("_hash")}
        marks["_field"][row] = name
        marks["_reason"][row] = str(reason)
        marks["_detail"][row] = str(clean[name])
        marks["_raw"][row] = raw_json(given)
    for name, values in marks.items():
        at = block.schema.get_field_index(name)
        block = block.set_column(at, block.schema.field(at), pa.array(values, pa.string()))
    return block
