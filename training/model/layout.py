"""Which blocks a vector of the space is made of, and what pulls on each.

With the layout `private`, each modality pair has a block of its own, with its own projections and
its own loss, so that no pair's gradient disturbs another's: the sum of losses that makes a shared
space worse than isolated pairs. What joins them is that every modality stands in every block: the
third one is fitted to the pair's own positions, which it follows and cannot move. A picture thus
has a place among what people write, and a query may weigh the blocks (`training.query_weights`).

Three more blocks say what the pairs leave unsaid:

- `meaning`: texts as the encoder places them, images fitted to their texts, people as the mean of
  their posts: what is written about, undisturbed by who writes (`training.model.meaning`);
- `audience`: who would post this, as a distribution over people (`training.model.audience`);
- `appeal`: whether it would suit nearly anybody, which is what makes a hub of it.

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


MEANING, AUDIENCE, APPEAL = "meaning", "audience", "appeal"
APPEAL_WIDTH = 2


@dataclass(frozen=True)
class Block:
    """A part of each vector.

    Attributes:
        name: of the pair that owns it, `shared`, or one of `MEANING`, `AUDIENCE`, `APPEAL`.
        dimension: how many coordinates.
        history: modalities of a person's posts that make the person's content here.
        has_people: whether people are learned here; elsewhere they are their history alone.
    """

    name: str
    dimension: int
    history: tuple[Modality, ...] = ()
    has_people: bool = False

    @property
    def is_projected(self) -> bool:
        """Whether projections of features make it; the others are derived from those that are."""
        return self.name not in (MEANING, AUDIENCE, APPEAL)


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


def blocks_of(
    layout: str, pairs: Sequence[Pair], dimension: int, *, meaning: int = 0, audience: int = 0
) -> tuple[Block, ...]:
    """The blocks of a layout.

    Args:
        layout: `private` or `shared`; the shared one has no further blocks.
        pairs: that are trained.
        dimension: divided among the pairs evenly, the first take the rest.
        meaning: width of that block; it needs a pair with texts.
        audience: width of that block; it and `appeal` need a pair with people.
    """
    if layout == "shared":
        return (Block("shared", dimension, _CONTENT, True),)
    width, rest = divmod(dimension, len(pairs))
    blocks = [
        Block(
            pair.value,
            width + (number < rest),
            _CONTENT if pair is Pair.IMAGE_TEXT else (pair.sides[1],),
            pair is not Pair.IMAGE_TEXT,
        )
        for number, pair in enumerate(pairs)
    ]
    if meaning and any(Modality.TEXT in pair.sides for pair in pairs):
        blocks.append(Block(MEANING, meaning, _CONTENT))
    if audience and any(block.has_people for block in blocks):
        blocks += [Block(AUDIENCE, audience), Block(APPEAL, APPEAL_WIDTH)]
    return tuple(blocks)


def terms_of(layout: str, pairs: Sequence[Pair], *, meaning: bool = False) -> tuple[Term, ...]:
    """What pulls in a layout.

    Private: each pair in its own block; and in each block with people, the content modality that
    does not own it, towards the people (if that pair is trained) and towards the owning content.
    In `meaning`, images towards their texts.
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
    if meaning and Pair.IMAGE_TEXT in pairs:
        terms.append(Term(Pair.IMAGE_TEXT, MEANING, fixed=Modality.TEXT))
    return tuple(terms)


def default_query_weights(blocks: Sequence[Block]) -> Mapping[str, tuple[float, ...]]:
    """Direction to the weight of each block before validation has spoken.

    A pair's own block counts fully, meaning nearly so, what others say of a person 0.3, what people
    say of contents 0.2. Between people and whole posts the blocks with people count fully. Between
    two of a kind, what they are about counts most. Appeal counts against what anybody might like.
    """
    contents = ("user", "image", "text", "post")
    return {
        f"{query}_to_{target}": _defaults(blocks, query, target)
        for query in contents
        for target in contents
    }


_TOPICAL = {"meaning": 1.0, "image_text": 0.5, "user_text": 0.5, "user_image": 0.3}
"""Between two of a kind."""


def _defaults(blocks: Sequence[Block], query: str, target: str) -> tuple[float, ...]:
    weights = tuple(_default(block, query, target) for block in blocks)
    # a query must not be nothing, even where no block of the layout is meant for what it asks
    return weights if any(weights) else (1.0,) * len(blocks)


def _default(block: Block, query: str, target: str) -> float:
    name, people = block.name, "user" in (query, target)
    if name == "shared":
        return 1.0
    if name == AUDIENCE:
        return 0.0 if query == target or target == "user" else 0.2
    if name == APPEAL:
        return 1.5 if query == "user" and target != "user" else 0.0
    if query == target:
        return _TOPICAL[name]
    if name == MEANING:
        return 0.0 if target == "user" else 0.8
    if "post" in (query, target) and people:
        return 1.0 if block.has_people else 0.0
    if "post" in (query, target):
        return 1.0 if name == "image_text" else 0.3
    if name in (f"{query}_{target}", f"{target}_{query}"):
        return 1.0
    if not people:
        return 0.2
    return 0.3 if block.has_people or query == "user" else 0.0
