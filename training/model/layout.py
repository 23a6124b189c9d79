"""Which blocks a vector of the space is made of, and what pulls on each.

With the layout `private`, each modality pair has a block of its own, with its own projections and
its own loss, so that no pair's gradient disturbs another's: the sum of losses that makes a shared
space worse than isolated pairs. What joins them is that every modality stands in every block: the
third one is fitted to the pair's own positions, which it follows and cannot move. A picture thus
has a place among what people write, and a query may weigh the blocks (`training.query_weights`).

With the layout `shared`, there is one block for all, and the losses simply add: the usual joint
model, kept as the baseline that it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from training.modalities import Modality


class Pair(StrEnum):
    """Two modalities that training pulls together, in both directions."""

    USER_IMAGE = "user_image"
    USER_TEXT = "user_text"
    IMAGE_TEXT = "image_text"

    @property
    def sides(self) -> tuple[Modality, Modality]:
        """The two modalities, in the order of the name."""
        first, second = self.value.split("_")
        return Modality(first), Modality(second)


@dataclass(frozen=True)
class Block:
    """A part of each vector.

    Attributes:
        name: of the pair that owns it, or `shared`.
        dimension: how many coordinates.
        history: modalities of a person's posts that make the person's content here.
        has_people: whether people are learned here; elsewhere they are their history alone.
    """

    name: str
    dimension: int
    history: tuple[Modality, ...]
    has_people: bool


@dataclass(frozen=True)
class Term:
    """One part of the loss: two modalities in one block.

    Attributes:
        pair: whose matches and weight count.
        block: where.
        fixed: the side that only shows the way and gets no gradient; None: both learn.
    """

    pair: Pair
    block: str
    fixed: Modality | None = None

    @property
    def name(self) -> str:
        """Unique, for modules and logs."""
        return self.pair.value if self.fixed is None else f"{self.pair.value}_in_{self.block}"


_CONTENT = (Modality.IMAGE, Modality.TEXT)


def blocks_of(layout: str, pairs: Sequence[Pair], dimension: int) -> tuple[Block, ...]:
    """The blocks of a layout; `dimension` is divided among them evenly, the first take the rest."""
    if layout == "shared":
        return (Block("shared", dimension, _CONTENT, True),)
    width, rest = divmod(dimension, len(pairs))
    return tuple(
        Block(
            pair.value,
            width + (number < rest),
            _CONTENT if pair is Pair.IMAGE_TEXT else (pair.sides[1],),
            pair is not Pair.IMAGE_TEXT,
        )
        for number, pair in enumerate(pairs)
    )


def terms_of(layout: str, pairs: Sequence[Pair]) -> tuple[Term, ...]:
    """What pulls in a layout.

    Private: each pair in its own block; and in each block with people, the content modality that
    does not own it, towards the people (if that pair is trained) and towards the owning content.
    """
    if layout == "shared":
        return tuple(Term(pair, "shared") for pair in pairs)
    terms = [Term(pair, pair.value) for pair in pairs]
    for owner in pairs:
        if owner is Pair.IMAGE_TEXT:  # people stand there by their history, which is not learned
            continue
        content = owner.sides[1]
        guest = Pair.USER_TEXT if owner is Pair.USER_IMAGE else Pair.USER_IMAGE
        if guest in pairs:
            terms.append(Term(guest, owner.value, fixed=Modality.USER))
        if Pair.IMAGE_TEXT in pairs:
            terms.append(Term(Pair.IMAGE_TEXT, owner.value, fixed=content))
    return tuple(terms)


def default_query_weights(blocks: Sequence[Block]) -> Mapping[str, tuple[float, ...]]:
    """Direction to the weight of each block before validation has spoken.

    A pair's own block counts fully, the others 0.4; between people and whole posts the blocks with
    people count fully, the one without 0.2.
    """
    contents = ("user", "image", "text", "post")
    weights = {}
    for query in contents:
        for target in contents:
            owners = {f"{query}_{target}", f"{target}_{query}"}
            weights[f"{query}_to_{target}"] = tuple(
                _default(block, owners, "post" in (query, target) or query == target)
                for block in blocks
            )
    return weights


def _default(block: Block, owners: set[str], whole: bool) -> float:
    if block.name == "shared":
        return 1.0
    if whole:
        return 1.0 if block.has_people else 0.2
    return 1.0 if block.name in owners else 0.4
