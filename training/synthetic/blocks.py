"""Posts and reactions of a made-up network, a block at a time, each from a seed of its own.

A block depends on the world, its number and nothing else: so the rows are the same for any number
of files, and any process can make any of them.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from training.data.tables import INSTANT
from training.synthetic.pictures import picture
from training.synthetic.world import (
    WORDS_COMMON,
    WORDS_EACH,
    World,
    post_ids,
    user_ids,
    zipf_ranks,
)

ROWS = 5000
"""Posts of a block; a block is a row group."""
_START, _YEAR = 1_640_995_200_000_000, 365 * 86_400_000_000
"""In microseconds; posts lie in 2022."""
_FUTURE = 32_503_680_000_000_000
_SHORTEST, _LONGEST = 4, 12
_KINDS = np.array(["view", "like", "save", "share", "comment", "dislike"])
_KIND_SHARES = np.array([0.40, 0.35, 0.08, 0.05, 0.07, 0.05])
_TAGGED = 0.3

POSTS = pa.schema(
    [
        pa.field("post_id", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("image", pa.binary()),
        pa.field("tags", pa.list_(pa.string())),
        pa.field("created_at", INSTANT),
    ]
)
REACTIONS = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("post_id", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("created_at", INSTANT),
    ]
)
TRUTH = pa.schema([pa.field("post_id", pa.string()), pa.field("interest", pa.int16())])


@dataclass(frozen=True)
class Block:
    """Some posts, the reactions to them, and what they are about.

    Attributes:
        posts: of `POSTS`.
        reactions: of `REACTIONS`, each person once a post.
        truth: of `TRUTH`, good posts alone.
        flaws: how many of the posts are bad.
        orphans: how many of the reactions are to bad posts.
    """

    posts: pa.Table
    reactions: pa.Table
    truth: pa.Table
    flaws: int
    orphans: int


def count_of(world: World) -> int:
    """How many blocks there are."""
    return -(-world.config.posts // ROWS)


def make_block(world: World, number: int) -> Block:
    """The block of a number in [0, count_of(world))."""
    config = world.config
    random = np.random.default_rng([config.seed, 1, number])
    rows = np.arange(number * ROWS, min((number + 1) * ROWS, config.posts))
    people = _authors(world, rows, random)
    interests = _interests(world, people, random)
    times = _START + random.integers(0, _YEAR, len(rows))
    flawed = random.random(len(rows)) < config.flaws
    pictured = random.random(len(rows)) < config.images
    written = ~pictured | (random.random(len(rows)) >= 0.25)
    ids = post_ids(rows)
    said = _texts(world, interests, random)
    texts = [text if has else None for text, has in zip(said, written.tolist(), strict=True)]
    images = [
        picture(int(interest), config.interests, random) if shown else None
        for interest, shown in zip(interests, pictured, strict=True)
    ]
    dates = times.copy()
    for place, row in enumerate(np.flatnonzero(flawed)):
        _spoil(place % 3, int(row), ids, texts, images, dates)
    posts = [
        pa.array(ids, pa.string()),
        pa.array(user_ids(people), pa.string()),
        pa.array(texts, pa.string()),
        pa.array(images, pa.binary()),
        _tags(world, interests, random),
        pa.array(dates, pa.int64()).cast(INSTANT),
    ]
    reactions, orphans = _reactions(world, rows, interests, times, flawed, random)
    good = ~flawed
    truth = [pa.array(post_ids(rows[good]), pa.string()), pa.array(interests[good], pa.int16())]
    return Block(
        pa.table(posts, schema=POSTS),
        reactions,
        pa.table(truth, schema=TRUTH),
        int(flawed.sum()),
        orphans,
    )


def _authors(world: World, rows: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each person one post, spread over all of them; the rest by activity."""
    config = world.config
    spacing = config.posts // config.people
    drawn = np.searchsorted(world.cumulated, random.random(len(rows)), side="right")
    own = (rows % spacing == 0) & (rows // spacing < config.people)
    return np.where(own, rows // spacing, np.minimum(drawn, config.people - 1))


def _interests(world: World, people: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One of each person's interests, or by chance any."""
    config = world.config
    upto = np.cumsum(world.shares[people], axis=1)
    place = (random.random((len(people), 1)) * upto[:, -1:] > upto).sum(axis=1)
    own = world.interests[people, np.minimum(place, upto.shape[1] - 1)]
    strays = random.random(len(people)) >= config.fidelity
    return np.where(strays, random.integers(0, config.interests, len(people)), own)


def _texts(world: World, interests: np.ndarray, random: np.random.Generator) -> list[str]:
    config = world.config
    lengths = random.integers(_SHORTEST, _LONGEST + 1, len(interests))
    owner = np.repeat(np.arange(len(interests)), lengths)
    special = random.random(len(owner)) < config.topical
    own = interests[owner] * WORDS_EACH + zipf_ranks(len(owner), WORDS_EACH, random)
    common = config.interests * WORDS_EACH + zipf_ranks(len(owner), WORDS_COMMON, random)
    words = world.vocabulary[np.where(special, own, common)].tolist()
    ends = np.cumsum(lengths).tolist()
    return [
        " ".join(words[end - length : end])
        for end, length in zip(ends, lengths.tolist(), strict=True)
    ]


def _tags(world: World, interests: np.ndarray, random: np.random.Generator) -> pa.Array:
    ranks = zipf_ranks(len(interests), WORDS_EACH, random)
    words = world.vocabulary[interests * WORDS_EACH + ranks].tolist()
    tagged = (random.random(len(interests)) < _TAGGED).tolist()
    tags = [[word] if has else [] for word, has in zip(words, tagged, strict=True)]
    return pa.array(tags, pa.list_(pa.string()))


def _spoil(
    kind: int,
    row: int,
    ids: list[str],
    texts: list[str | None],
    images: list[bytes | None],
    dates: np.ndarray,
) -> None:
    if kind == 0:
        texts[row], images[row] = None, None
    elif kind == 1:
        ids[row] = f"not an id {ids[row]}"
    else:
        dates[row] = _FUTURE


def _reactions(
    world: World,
    rows: np.ndarray,
    interests: np.ndarray,
    times: np.ndarray,
    flawed: np.ndarray,
    random: np.random.Generator,
) -> tuple[pa.Table, int]:
    """People who share a post's interest, and some by chance; each once a post."""
    config = world.config
    # some posts are much talked about, most are not
    each = random.poisson(config.reactions * random.gamma(0.5, 2.0, len(rows)))
    post = np.repeat(np.arange(len(rows)), each)
    kinds = _KINDS[np.searchsorted(np.cumsum(_KIND_SHARES), random.random(len(post)))]
    fans = world.people_for(interests[post], random)
    anybody = np.searchsorted(world.cumulated, random.random(len(post)), side="right")
    strays = random.random(len(post)) >= config.fidelity
    person = np.where(strays, np.minimum(anybody, config.people - 1), fans)
    later = random.integers(1, 30 * 86_400_000_000, len(post))
    once = np.sort(np.unique(post * config.people + person, return_index=True)[1])
    post, person, kinds, later = post[once], person[once], kinds[once], later[once]
    columns = [
        pa.array(user_ids(person), pa.string()),
        pa.array(post_ids(rows[post]), pa.string()),
        pa.array(kinds, pa.string()),
        pa.array(times[post] + later, pa.int64()).cast(INSTANT),
    ]
    return pa.table(columns, schema=REACTIONS), int(flawed[post].sum())
