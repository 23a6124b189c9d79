import json
from typing import Any

import pyarrow as pa

from training.data.config import DataConfig
from training.data.ledger import Ledger, clean_columns, part
from training.data.quarantine import Reason
from training.data.raw import RawRow
from training.data.tables import CLEAN, QUARANTINE
from training.data.validate import Rules, check_rows

NOW = 1_800_000_000 * 10**6


def checked(table: str, rows: list[dict[str, Any]], **settings: Any) -> pa.Table:
    raw = [RawRow(number, row) for number, row in enumerate(rows, start=1)]
    (block,) = check_rows(table, raw, "file", Rules(DataConfig(**settings), NOW))
    return block


def post(post_id: str, user_id: str = "ann") -> dict[str, Any]:
    return {"post_id": post_id, "user_id": user_id, "text": f"text of {post_id}"}


def reaction(user_id: str, post_id: str, at: int = 1, kind: str = "like") -> dict[str, Any]:
    return {"user_id": user_id, "post_id": post_id, "kind": kind, "created_at": at}


def found(bad: pa.Table) -> list[tuple[int, str, str]]:
    return [(row["row"], row["field"], row["reason"]) for row in bad.to_pylist()]


def test_the_first_good_row_of_an_id_stays() -> None:
    ledger = Ledger(users_listed=False)
    rows = [{"post_id": "1", "user_id": "ann"}, post("1"), post("2"), post("1", "bob")]
    good, bad = part("posts", ledger.judge("posts", checked("posts", rows)))
    assert good["post_id"].to_pylist() == ["1", "2"]
    assert found(bad) == [(1, None, Reason.EMPTY_POST), (4, "post_id", Reason.DUPLICATE)]
    assert json.loads(bad["raw"][1].as_py())["text"] == "text of 1"
    again, bad = part("posts", ledger.judge("posts", checked("posts", [post("2"), post("3")])))
    assert again["post_id"].to_pylist() == ["3"]
    assert found(bad) == [(1, "post_id", Reason.DUPLICATE)]
    assert bad.schema == QUARANTINE
    assert clean_columns("posts", good).schema == CLEAN["posts"]


def test_reactions_refer_to_good_posts() -> None:
    ledger = Ledger(users_listed=False)
    ledger.judge("posts", checked("posts", [post("1"), {"post_id": "2", "user_id": "ann"}]))
    rows = [
        reaction("bob", "1"),
        reaction("bob", "2"),
        reaction("bob", "1", at=2),
        reaction("bob", "1"),
        reaction("bob", "1", kind="view"),
        reaction("eve", "9"),
    ]
    good, bad = part("reactions", ledger.judge("reactions", checked("reactions", rows)))
    assert len(good) == 3
    assert found(bad) == [
        (2, "post_id", Reason.UNKNOWN_POST),
        (4, "kind", Reason.DUPLICATE),
        (6, "post_id", Reason.UNKNOWN_POST),
    ]


def test_people_must_be_known_where_users_are_listed() -> None:
    ledger = Ledger(users_listed=True)
    users = checked("users", [{"user_id": "bob"}, {"user_id": "bob"}])
    _, bad = part("users", ledger.judge("users", users))
    assert found(bad) == [(2, "user_id", Reason.DUPLICATE)]
    good, _ = part("posts", ledger.judge("posts", checked("posts", [post("1"), post("2")])))
    assert ledger.newcomers(good) == ["ann"]
    assert ledger.people == 2
    rows = [reaction("bob", "1"), reaction("ann", "1"), reaction("eve", "1")]
    good, bad = part("reactions", ledger.judge("reactions", checked("reactions", rows)))
    assert good["user_id"].to_pylist() == ["bob", "ann"]
    assert found(bad) == [(3, "user_id", Reason.UNKNOWN_USER)]


def test_mapped_ids_are_told_once() -> None:
    ledger = Ledger(users_listed=False)
    rows = [post("1", "Jörg"), post("a b", "Jörg"), post("3")]
    good, _ = part("posts", ledger.judge("posts", checked("posts", rows, ids="map")))
    assert sorted(ledger.mapped(good)["original"].to_pylist()) == ["Jörg", "a b"]
    assert len(ledger.mapped(good)) == 0


def test_an_empty_block_of_good_rows() -> None:
    ledger = Ledger(users_listed=False)
    good, bad = part("posts", ledger.judge("posts", checked("posts", [{"post_id": "1"}])))
    assert (len(good), len(bad)) == (0, 1)
    assert ledger.newcomers(good) == [] and len(ledger.mapped(good)) == 0
