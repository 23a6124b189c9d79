"""What is taken from the training data to see what a model still learns."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from training.examples import SPLITS, Cut, Examples
from training.modalities import History

UNUSED = SPLITS.index("unused")


class Removal(NamedTuple):
    """Images and texts that training posts lose.

    Attributes:
        kind: `apart`: of the posts that have both, a share loses the image and as large a share
            the text, never both of one post while the shares sum to 1 at most; `independent`: each
            image and each text is tossed for, so that some posts lose both and are no posts more.
        share: of the images, and of the texts.
    """

    kind: Literal["apart", "independent"]
    share: float


def without_modalities(examples: Examples, removal: Removal, seed: int) -> Examples:
    """Training posts lose images and texts at random; held-out posts stay whole.

    What is gone is gone from histories too, and from the keys by which equal contents match.

    Args:
        examples: posts, people, splits.
        removal: what goes. Apart, beyond a half: the posts that keep both are used up at a half;
            from there on a post that lost one modality loses nothing more, so no more goes.
        seed: of the draw. What is missing at one share is missing at every higher one.
    """
    random = np.random.default_rng(seed)
    features = examples.features
    training = (examples.split == SPLITS.index("train")).numpy()
    draws = random.random((2, len(training)))
    if removal.kind == "independent":
        lost_image, lost_text = draws < removal.share
    else:
        both = (features.has_image & features.has_text).numpy()
        lost_image = both & (draws[0] < min(removal.share, 0.5))
        lost_text = both & (draws[0] >= 1 - min(removal.share, 0.5))
    has_image = features.has_image & ~torch.from_numpy(lost_image & training)
    has_text = features.has_text & ~torch.from_numpy(lost_text & training)
    # keys of absent contents are unique, as `examples.assemble` makes them
    unique = -1 - examples.keys.row
    keys = replace(
        examples.keys,
        image=torch.where(has_image, examples.keys.image, unique),
        text=torch.where(has_text, examples.keys.text, unique),
    )
    empty = torch.from_numpy(training) & ~has_image & ~has_text
    return replace(
        examples,
        features=replace(features, has_image=has_image, has_text=has_text),
        keys=keys,
        split=torch.where(empty, torch.full_like(examples.split, UNUSED), examples.split),
    )


def only_modalities(examples: Examples, *, image: bool, text: bool) -> Examples:
    """All posts without images, or without texts: what a single-pair model may see."""
    features = examples.features
    return replace(
        examples,
        features=replace(
            features, has_image=features.has_image & image, has_text=features.has_text & text
        ),
    )


@dataclass(frozen=True)
class PicturedHistories(Examples):
    """Examples in which people stand by the images of their posts; their texts are not read.

    For training without the pair of users and texts: a history with texts would bring the two
    together after all.
    """

    def histories(
        self, people: Tensor, without: Tensor | None = None, cut: Cut | None = None
    ) -> History:
        """As `Examples.histories`, every text masked."""
        history = super().histories(people, without, cut)
        posts = replace(history.posts, has_text=torch.zeros_like(history.posts.has_text))
        return replace(history, posts=posts)

    @classmethod
    def of(cls, examples: Examples) -> "PicturedHistories":
        """The same posts, people and splits."""
        return cls(**vars(examples))


def choose_people(examples: Examples, share: float, least: int, seed: int) -> Tensor:
    """(P,) long, ascending: a share of the people with a test post and enough training posts.

    Args:
        examples: posts and people.
        share: in (0, 1].
        least: own training posts that a person must have.
        seed: of the draw.
    """
    author = examples.keys.author
    people = len(examples.users)
    trained = torch.bincount(author[examples.rows("train")], minlength=people)
    tested = torch.bincount(author[examples.rows("test")], minlength=people)
    able = ((trained >= least) & (tested > 0)).nonzero().squeeze(1)
    count = round(share * len(able))
    order = torch.randperm(len(able), generator=torch.Generator().manual_seed(seed))
    return able[order[:count]].sort().values


def few_posts(examples: Examples, people: Tensor, counts: Tensor, seed: int) -> Tensor:
    """(N,) bool: `counts` (P,) training posts of each of the people, drawn at random.

    Fewer posts of one draw are among the more: one person's two posts are among her three.
    """
    random = np.random.default_rng(seed)
    kept = torch.zeros(len(examples.split), dtype=torch.bool)
    author, training = examples.keys.author, examples.split == SPLITS.index("train")
    for person, count in zip(people.tolist(), counts.tolist(), strict=True):
        rows = ((author == person) & training).nonzero().squeeze(1)
        kept[rows[torch.from_numpy(random.permutation(len(rows)))[:count]]] = True
    return kept


def without_people(examples: Examples, people: Tensor, keep: Tensor | None = None) -> Examples:
    """Training and validation posts of some people are unused; their test posts stay.

    Args:
        examples: posts, people, splits.
        people: (P,) long rows of `users`.
        keep: (N,) bool: training posts that they keep all the same.
    """
    gone = torch.isin(examples.keys.author, people) & (examples.split != SPLITS.index("test"))
    if keep is not None:
        gone &= ~keep
    split = torch.where(gone, torch.full_like(examples.split, UNUSED), examples.split)
    owner = _owners(examples)
    # posts of theirs leave every history, and what they reacted to leaves theirs
    mine = torch.isin(owner, people)
    rows = examples.history_rows
    stays = ~gone[rows] & (~mine | (keep[rows] if keep is not None else False))
    return _with_history(replace(examples, split=split), owner, stays)


def with_histories(
    examples: Examples, original: Examples, people: Tensor, posts: Tensor
) -> Examples:
    """Give people a history of some of their own posts, for placing them, not for training.

    Args:
        examples: in which they have none.
        original: the examples that those were made from.
        people: (P,) long rows of `users`.
        posts: (N,) bool: the posts given.
    """
    owner, before = _owners(original), _owners(examples)
    given = torch.isin(owner, people) & posts[original.history_rows]
    given &= original.keys.author[original.history_rows] == owner
    joined = torch.cat([before, owner[given]])
    order = torch.argsort(joined, stable=True)
    rows = torch.cat([examples.history_rows, original.history_rows[given]])
    weight = torch.cat([examples.history_weight, original.history_weight[given]])
    merged = replace(examples, history_rows=rows[order], history_weight=weight[order])
    return _with_history(merged, joined[order], torch.ones(len(order), dtype=torch.bool))


def _owners(examples: Examples) -> Tensor:
    """(H,) long: whose history each row of `history_rows` belongs to."""
    return torch.repeat_interleave(torch.arange(len(examples.users)), examples.history_start.diff())


def _with_history(examples: Examples, owner: Tensor, stays: Tensor) -> Examples:
    counts = torch.bincount(owner[stays], minlength=len(examples.users))
    start = torch.zeros(len(counts) + 1, dtype=torch.long)
    start[1:] = torch.cumsum(counts, 0)
    return replace(
        examples,
        history_rows=examples.history_rows[stays],
        history_weight=examples.history_weight[stays],
        history_start=start,
    )
