"""What the training loop reads: features, authors, histories and splits, row by row, memory-mapped.

Written once by the driver, read by every worker; nothing here knows where the rows came from.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from training.modalities import History, PostFeatures

SPLITS = ("train", "validation", "test", "unused")
PEOPLE_AT_ONCE, POSTS_AT_ONCE = 4096, 1 << 15
"""Of histories that are in memory together."""


@dataclass(frozen=True)
class PostKeys:
    """Whole numbers by which posts match each other; equal number, equal thing.

    Attributes:
        row: (n,) long, the post itself.
        author: (n,) long, row of `Examples.users`.
        text: (n,) long, equal for equal texts; unique where the text is absent.
        image: (n,) long, equal for equal pictures; unique where the picture is absent.
    """

    row: Tensor
    author: Tensor
    text: Tensor
    image: Tensor


@dataclass(frozen=True)
class Cut:
    """Which histories are shortened to a few posts drawn from them.

    The draw is a hash of the row, so that it costs no random number a row and is the same for any
    number of workers.

    Attributes:
        longest: (B,) long, how many posts are kept; -1 for all.
        factor: of the hash, in [1, 2**31 - 1).
        offset: of the hash, likewise.
    """

    longest: Tensor
    factor: int
    offset: int

    def kept(self, rows: Tensor, owner: Tensor) -> Tensor:
        """(M,) bool for rows (M,) of people `owner` (M,), which is ascending."""
        order = (rows * self.factor + self.offset) % (2**31 - 1)
        place = torch.argsort(order, stable=True)
        place = place[torch.argsort(owner[place], stable=True)]
        first = torch.searchsorted(owner[place], owner[place])
        rank = torch.empty_like(rows)
        rank[place] = torch.arange(len(rows)) - first
        longest = self.longest[owner]
        return (longest < 0) | (rank < longest)


@dataclass(frozen=True)
class Examples:
    """N posts and U people in the form that training and evaluation read.

    Attributes:
        users: ids of the U people.
        features: of the N posts.
        keys: of the N posts; `keys.row` is 0 … N-1.
        split: (N,) uint8, index into `SPLITS`.
        history_rows: (H,) long rows of training posts that people posted or reacted to, by person.
        history_start: (U + 1,) long; person u has `history_rows[start[u]:start[u + 1]]`.
        history_weight: (H,) float32.
        whitened: whether the features are what `JointSpace.whiten` makes of those of encoders.
    """

    users: tuple[str, ...]
    features: PostFeatures
    keys: PostKeys
    split: Tensor
    history_rows: Tensor
    history_start: Tensor
    history_weight: Tensor
    whitened: bool = False

    def rows(self, split: str) -> Tensor:
        """(n,) long: the posts of a split, ascending."""
        return (self.split == SPLITS.index(split)).nonzero().squeeze(1)

    def histories(
        self, people: Tensor, without: Tensor | None = None, cut: Cut | None = None
    ) -> History:
        """Training histories of people.

        Args:
            people: (B,) long rows of `users`.
            without: (n,) long rows of posts to leave out, as the batch's own posts are
                (leave-one-out: a history that holds the answer would teach the tower to look it
                up).
            cut: which of these histories to shorten, after that.
        Returns: the `History` of B people.
        """
        start, end = self.history_start[people], self.history_start[people + 1]
        lengths = end - start
        owner = torch.repeat_interleave(torch.arange(len(people)), lengths)
        before = torch.cumsum(lengths, 0) - lengths
        flat = torch.arange(int(lengths.sum())) - before[owner] + start[owner]
        rows = self.history_rows[flat]
        if without is not None:
            kept = ~torch.isin(rows, without)
            flat, owner, rows = flat[kept], owner[kept], rows[kept]
        if cut is not None:
            kept = cut.kept(rows, owner)
            flat, owner, rows = flat[kept], owner[kept], rows[kept]
        return History(self.features[rows], owner, self.history_weight[flat], len(people))

    def chunks_of_people(self, people: Tensor) -> Iterator[Tensor]:
        """Some people in parts: of some thousand, and of some ten thousand posts in all.

        A part of one person may have more.
        """
        for part in people.split(PEOPLE_AT_ONCE):
            lengths = self.history_start[part + 1] - self.history_start[part]
            number = (lengths.cumsum(0) - lengths) // POSTS_AT_ONCE
            sizes = torch.unique_consecutive(number, return_counts=True)[1]
            yield from part.split(sizes.tolist()) if len(sizes) > 1 else (part,)

    def save(self, folder: Path) -> None:
        """Write one `.npy` a tensor and the ids as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensor in self._tensors().items():
            np.save(folder / f"{name}.npy", tensor.numpy())
        (folder / "users.json").write_text(json.dumps(self.users), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read back what `save` wrote; large arrays stay on disk until their rows are asked for."""

        def tensor(name: str) -> Tensor:
            # copy-on-write maps: torch wants writable memory, the file must not change
            return torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c"))

        return cls(
            users=tuple(json.loads((folder / "users.json").read_text(encoding="utf-8"))),
            features=PostFeatures(**{f.name: tensor(f.name) for f in fields(PostFeatures)}),
            keys=PostKeys(**{f.name: tensor(f"key_{f.name}") for f in fields(PostKeys)}),
            split=tensor("split"),
            history_rows=tensor("history_rows"),
            history_start=tensor("history_start"),
            history_weight=tensor("history_weight"),
        )

    def _tensors(self) -> dict[str, Tensor]:
        return {
            **{f.name: getattr(self.features, f.name) for f in fields(PostFeatures)},
            **{f"key_{f.name}": getattr(self.keys, f.name) for f in fields(PostKeys)},
            "split": self.split,
            "history_rows": self.history_rows,
            "history_start": self.history_start,
            "history_weight": self.history_weight,
        }


def assemble(
    features: PostFeatures,
    authors: Sequence[str],
    text_hashes: Sequence[str | None],
    image_hashes: Sequence[str | None],
    splits: Sequence[str],
    histories: dict[str, list[tuple[int, float]]],
) -> Examples:
    """Bring N aligned columns into the form that training reads.

    Args:
        features: of the N posts.
        authors: N user ids.
        text_hashes: N content hashes, None where the post has no text.
        image_hashes: N content hashes, None where the post has no image.
        splits: N names out of `SPLITS`.
        histories: user id to (row, weight) of the posts that count as the person's content. Rows
            outside the training split are dropped: held-out posts must not reach a history.
    """
    users = tuple(sorted(set(authors) | set(histories)))
    number = {user: i for i, user in enumerate(users)}
    split = torch.tensor([SPLITS.index(name) for name in splits], dtype=torch.uint8)
    trained = split == SPLITS.index("train")
    flat = [
        [(row, weight) for row, weight in histories.get(user, []) if trained[row]] for user in users
    ]
    lengths = torch.tensor([len(person) for person in flat], dtype=torch.long)
    start = torch.zeros(len(users) + 1, dtype=torch.long)
    start[1:] = torch.cumsum(lengths, 0)
    return Examples(
        users=users,
        features=features,
        keys=PostKeys(
            row=torch.arange(len(authors)),
            author=torch.tensor([number[author] for author in authors], dtype=torch.long),
            text=_numbers(text_hashes),
            image=_numbers(image_hashes),
        ),
        split=split,
        history_rows=torch.tensor([r for person in flat for r, _ in person], dtype=torch.long),
        history_start=start,
        history_weight=torch.tensor([w for person in flat for _, w in person], dtype=torch.float32),
    )


def _numbers(hashes: Sequence[str | None]) -> Tensor:
    seen: dict[str, int] = {}
    return torch.tensor(
        [-1 - i if h is None else seen.setdefault(h, len(seen)) for i, h in enumerate(hashes)],
        dtype=torch.long,
    )
