"""What cleaning found: counts, reasons, examples."""

from collections import Counter

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from training.data.config import DataConfig

_EXAMPLES_A_REASON = 3
_BUCKETS = (("1", 1, 1), ("2-4", 2, 4), ("5-19", 5, 19), ("20 or more", 20, np.inf))


class Example(BaseModel):
    """One quarantined row, for people to look at."""

    model_config = ConfigDict(frozen=True)

    table: str
    file: str
    row: int
    field: str | None
    reason: str
    detail: str


class TableReport(BaseModel):
    """What became of one table's rows."""

    model_config = ConfigDict(frozen=True)

    read: int
    kept: int
    reasons: dict[str, int]
    """Quarantined rows by reason, the commonest first."""

    @property
    def quarantined(self) -> int:
        """Rows in quarantine."""
        return self.read - self.kept

    @property
    def quarantined_share(self) -> float:
        """Of the rows that were read, in [0, 1]."""
        return self.quarantined / self.read if self.read else 0.0


class CheckReport(BaseModel):
    """What a source holds and what is wrong with it.

    `people` counts authors, listed users and everyone who reacted; `authors_by_posts` how many
    wrote how much.
    """

    model_config = ConfigDict(frozen=True)

    tables: dict[str, TableReport]
    people: int
    authors_by_posts: dict[str, int]
    posts_without_text: int
    posts_without_image: int
    posts_without_date: int
    private_posts: int
    ignored_columns: dict[str, tuple[str, ...]]
    examples: tuple[Example, ...]
    forgotten: dict[str, int] = {}
    """Rows of each table that were left out as of the forgotten; they are in no other figure."""

    @property
    def reasons(self) -> dict[str, int]:
        """Quarantined rows of all tables by reason, the commonest first."""
        total = Counter[str]()
        for table in self.tables.values():
            total.update(table.reasons)
        return dict(total.most_common())

    @property
    def quarantined(self) -> int:
        """Rows in quarantine, of all tables."""
        return sum(table.quarantined for table in self.tables.values())

    def refusal(self, config: DataConfig) -> str | None:
        """Why this data can't be used, with the three commonest reasons; None if it can."""
        for name, table in self.tables.items():
            if table.quarantined_share > config.max_quarantined_share:
                worst = ", ".join(f"{n} x {why}" for why, n in list(table.reasons.items())[:3])
                return (
                    f"{table.quarantined} of {table.read} rows of {name} are bad "
                    f"({table.quarantined_share:.1%}, at most {config.max_quarantined_share:.1%} "
                    f"are allowed): {worst}"
                )
        return None if self.tables["posts"].kept else "there are no posts"


class Tally:
    """Counts blocks as they pass; the report at any time is of what has passed."""

    def __init__(self) -> None:
        self._read = Counter[str]()
        self._kept = Counter[str]()
        self._forgotten = Counter[str]()
        self._reasons: dict[str, Counter[str]] = {}
        self._of_posts = Counter[str]()
        self._authors: list[np.ndarray] = []  # 8 bytes a post
        self._examples: list[Example] = []
        self._shown = Counter[tuple[str, str]]()

    def start(self, table: str) -> None:
        """A table that turns out empty is in the report too."""
        self._reasons.setdefault(table, Counter())

    def add(self, table: str, good: pa.Table, bad: pa.Table, *, forgotten: int = 0) -> None:
        """Count one judged block, and how many of its rows were left out."""
        self._forgotten[table] += forgotten
        self._read[table] += len(good) + len(bad)
        self._kept[table] += len(good)
        self._reasons[table].update(bad["reason"].to_pylist())
        for row in bad.drop_columns(["raw", "image"]).to_pylist():
            self._shown[table, row["reason"]] += 1
            if self._shown[table, row["reason"]] <= _EXAMPLES_A_REASON:
                self._examples.append(Example(**row))
        if table == "posts":
            for name in ("text", "image_hash", "created_at"):
                self._of_posts[name] += good[name].null_count
            self._of_posts["private"] += int(good["private"].to_numpy().sum())
            self._authors.append(good["_user"].to_numpy())

    def report(self, people: int, ignored: dict[str, tuple[str, ...]]) -> CheckReport:
        """The report of everything that was counted."""
        authors = np.concatenate(self._authors or [np.empty(0, np.uint64)])
        posts_of_each = np.unique(authors, return_counts=True)[1]
        return CheckReport(
            tables={
                table: TableReport(
                    read=self._read[table],
                    kept=self._kept[table],
                    reasons=dict(reasons.most_common()),
                )
                for table, reasons in self._reasons.items()
            },
            people=people,
            authors_by_posts={
                label: int(((posts_of_each >= low) & (posts_of_each <= high)).sum())
                for label, low, high in _BUCKETS
            },
            posts_without_text=self._of_posts["text"],
            posts_without_image=self._of_posts["image_hash"],
            posts_without_date=self._of_posts["created_at"],
            private_posts=self._of_posts["private"],
            ignored_columns={table: names for table, names in ignored.items() if names},
            examples=tuple(self._examples),
            forgotten={table: rows for table, rows in self._forgotten.items() if rows},
        )
