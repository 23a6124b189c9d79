"""Which rows a step sees: the same global batches for any number of workers.

A step's global batch depends on the seed, the epoch and the step alone; a worker takes every
world-th row of it. So one worker and many see the same data, and an epoch can begin at any step:
what was drawn before isn't drawn again. Work and memory of a step depend on the batch, not on how
many posts and people there are.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from training.examples import Cut, Examples, PostKeys
from training.modalities import History, PostFeatures
from training.shuffle import Shuffle, shuffled


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
        contents: what encoders that are trained read of the b posts, by modality; see
            `training.tuning.read_contents`.
    """

    posts: PostFeatures
    keys: PostKeys
    people: Tensor
    history: History
    most_posts: int
    most_people: int
    contents: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def split(self, count: int) -> "Iterator[Batch]":
        """`count` parts of about equal length, posts and people in their order; some may be empty.

        The batch's `most_posts` and `most_people` stay those of the whole.
        """
        posts, people = len(self.posts), len(self.people)
        for i in range(count):
            rows = slice(posts * i // count, posts * (i + 1) // count)
            yield self._part(rows, people * i // count, people * (i + 1) // count)

    def _part(self, posts: slice, first: int, end: int) -> "Batch":
        keys, owner = self.keys, self.history.owner
        rows = torch.arange(len(self.posts), device=owner.device)[posts]
        theirs = (owner >= first) & (owner < end)
        return replace(
            self,
            posts=self.posts[rows],
            keys=PostKeys(keys.row[posts], keys.author[posts], keys.text[posts], keys.image[posts]),
            people=self.people[first:end],
            history=History(
                self.history.posts[theirs],
                owner[theirs] - first,
                self.history.weight[theirs],
                end - first,
            ),
            contents={name: self._contents(name, posts) for name in self.contents},
        )

    def _contents(self, modality: str, posts: slice) -> dict[str, Tensor]:
        """Of the posts in a slice that have any; if none has, another post's, as a stand-in."""
        present: Tensor = getattr(self.posts, f"has_{modality}")
        first = int(present[: posts.start].sum())
        count = max(1, int(present[posts].sum()))
        inputs = self.contents[modality]
        rows = len(next(iter(inputs.values()))) if inputs else 0
        first = max(0, min(first, rows - 1))
        return {name: each[first : first + count] for name, each in inputs.items()}


class BatchSampler:
    """Shuffled global batches of training posts with their authors and further people.

    Args:
        examples: where the rows come from.
        batch_size: posts of a global batch (all workers together).
        people: how many people a global batch holds at least: beyond the authors, others are drawn
            as negatives; all people if there are fewer.
        short_histories: share of people whose history is cut to one to four of its posts, so that
            newcomers are placed as well as regulars.
        longest_history: of all others, in posts, drawn anew in every step; None: all of them.
        shuffle: see `training.shuffle`.
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
        longest_history: int | None = None,
        shuffle: Shuffle = "full",
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.examples, self.batch_size, self.people = examples, batch_size, people
        self.short_histories = short_histories
        self.longest_history = -1 if longest_history is None else longest_history
        self.shuffle: Shuffle = shuffle
        self.seed, self.rank, self.world = seed, rank, world
        self.rows = examples.rows("train")
        self._with_history = (examples.history_start.diff() > 0).nonzero().squeeze(1)

    def steps(self) -> int:
        """Steps of an epoch; a last batch of less than half the size is left to other epochs."""
        return max(1, round(len(self.rows) / self.batch_size))

    def samples(self, start: int = 0) -> int:
        """Posts of an epoch from a step on, all workers together."""
        return min(len(self.rows), self.steps() * self.batch_size) - start * self.batch_size

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of this worker for an epoch.

        Args:
            epoch: its number.
            start: the step to begin with; those before it are passed over, not made.
        """
        for step, rows in enumerate(self.global_rows(epoch, start), start=start):
            yield self._share(rows, self._generator(epoch, step))

    def global_rows(self, epoch: int, start: int = 0) -> Iterator[Tensor]:
        """(b,) long rows of each global batch of an epoch, from a step on; see `epoch`."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = shuffled(self.rows, generator, self.shuffle)
        steps = self.steps()
        for step in range(start, steps):
            first = step * self.batch_size
            last = len(order) if step == steps - 1 else first + self.batch_size
            yield order[first:last][: self.batch_size]

    def _generator(self, epoch: int, step: int) -> torch.Generator:
        """Of what a step draws beside its posts."""
        mixed = hashlib.blake2b(f"{self.seed} {epoch} {step}".encode(), digest_size=8)
        return torch.Generator().manual_seed(int.from_bytes(mixed.digest(), "little") >> 1)

    def _share(self, rows: Tensor, generator: torch.Generator) -> Batch:
        examples = self.examples
        people = self._people(examples.keys.author[rows], generator)
        cut = self._cut(len(people), generator)
        share = slice(self.rank, None, self.world)
        mine, my_people = rows[share], people[share]
        mine_cut = replace(cut, longest=cut.longest[share])
        keys = examples.keys
        return Batch(
            posts=examples.features[mine],
            keys=PostKeys(mine, keys.author[mine], keys.text[mine], keys.image[mine]),
            people=my_people,
            history=examples.histories(my_people, rows, mine_cut),
            most_posts=-(-len(rows) // self.world),
            most_people=-(-len(people) // self.world),
        )

    def _cut(self, people: int, generator: torch.Generator) -> Cut:
        short = torch.rand(people, generator=generator) < self.short_histories
        lengths = torch.randint(1, 5, (people,), generator=generator)
        salt = torch.randint(1, 2**31 - 1, (2,), generator=generator)
        longest = torch.where(short, lengths, self.longest_history)
        return Cut(longest, int(salt[0]), int(salt[1]))

    def _people(self, authors: Tensor, generator: torch.Generator) -> Tensor:
        """The authors, and others with a history up to the number wanted; ascending."""
        authors = authors.unique()
        able = self._with_history
        wanted = min(self.people, len(able)) - len(authors)
        if wanted <= 0:
            return authors
        if len(able) <= 4 * (wanted + len(authors)):
            others = able[~torch.isin(able, authors)]
        else:  # few of very many: drawn with repetition until there are enough different ones
            others = able.new_empty(0)
            while len(others) < wanted:
                more = able[torch.randint(len(able), (2 * wanted,), generator=generator)]
                others = torch.cat([others, more]).unique()
                others = others[~torch.isin(others, authors)]
        drawn = others[torch.randperm(len(others), generator=generator)[:wanted]]
        return torch.cat([authors, drawn]).sort().values
