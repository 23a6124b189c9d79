"""Which rows a step sees: the same global batches for any number of workers.

A step's global batch depends on the seed, the epoch and the step alone; a worker takes every
world-th row of it. So one worker and many see the same data, and a resumed epoch is the same epoch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.examples import Cut, Examples, PostKeys
from training.modalities import History, PostFeatures


@dataclass(frozen=True)
class Batch:
    """One worker's share of a step.

    Attributes:
        posts: features of b posts.
        keys: of the b posts.
        people: (p,) long, rows of `Examples.users`; nobody twice in a global batch.
        history: of the p people, without any post of the global batch.
        most_posts: the largest b of any worker.
        most_people: the largest p of any worker.
    """

    posts: PostFeatures
    keys: PostKeys
    people: Tensor
    history: History
    most_posts: int
    most_people: int

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        keys = self.keys
        return Batch(
            self.posts.to(device),
            PostKeys(*(k.to(device) for k in (keys.row, keys.author, keys.text, keys.image))),
            self.people.to(device),
            self.history.to(device),
            self.most_posts,
            self.most_people,
        )


class BatchSampler:
    """Shuffled global batches of training posts with their authors and further people.

    Args:
        examples: where the rows come from.
        batch_size: posts of a global batch (all workers together).
        people: how many people a global batch holds at least: beyond the authors, others are drawn
            as negatives; all people if there are fewer.
        short_histories: share of people whose history is cut to one to four of its posts, so that
            newcomers are placed as well as regulars.
        seed: of every shuffle.
        rank: this worker's number.
        world: how many workers.
    """

    def __init__(
        self,
        examples: Examples,
        *,
        batch_size: int,
        people: int,
        seed: int,
        short_histories: float = 0.0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.examples, self.batch_size, self.people = examples, batch_size, people
        self.short_histories = short_histories
        self.seed, self.rank, self.world = seed, rank, world
        self.rows = examples.rows("train")
        self._with_history = (examples.history_start.diff() > 0).nonzero().squeeze(1)

    def steps(self) -> int:
        """Steps of an epoch; a last batch of less than half the size is left to other epochs."""
        return max(1, round(len(self.rows) / self.batch_size))

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Batches of this worker for an epoch."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = self.rows[torch.randperm(len(self.rows), generator=generator)]
        steps = self.steps()
        for step in range(steps):
            last = step == steps - 1
            end = len(order) if last else (step + 1) * self.batch_size
            rows = order[step * self.batch_size : end][: self.batch_size]
            yield self._share(rows, generator)

    def _share(self, rows: Tensor, generator: torch.Generator) -> Batch:
        examples = self.examples
        people = self._people(examples.keys.author[rows], generator)
        cut = self._cut(len(people), generator)
        share = slice(self.rank, None, self.world)
        mine, my_people = rows[share], people[share]
        mine_cut = replace(cut, longest=cut.longest[share])
        without = torch.zeros(len(examples.split), dtype=torch.bool)
        without[rows] = True
        keys = examples.keys
        return Batch(
            posts=examples.features[mine],
            keys=PostKeys(mine, keys.author[mine], keys.text[mine], keys.image[mine]),
            people=my_people,
            history=examples.histories(my_people, without, mine_cut),
            most_posts=-(-len(rows) // self.world),
            most_people=-(-len(people) // self.world),
        )

    def _cut(self, people: int, generator: torch.Generator) -> Cut:
        short = torch.rand(people, generator=generator) < self.short_histories
        lengths = torch.randint(1, 5, (people,), generator=generator)
        salt = torch.randint(1, 2**31 - 1, (2,), generator=generator)
        return Cut(torch.where(short, lengths, -1), int(salt[0]), int(salt[1]))

    def _people(self, authors: Tensor, generator: torch.Generator) -> Tensor:
        authors = authors.unique()
        wanted = min(self.people, len(self._with_history)) - len(authors)
        if wanted <= 0:
            return authors
        others = self._with_history[~torch.isin(self._with_history, authors)]
        drawn = others[torch.randperm(len(others), generator=generator)[:wanted]]
        return torch.cat([authors, drawn]).sort().values
