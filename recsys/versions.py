"""Versions of the index and their names in Milvus.

A version is one collection per target, embedded by one model, `<prefix>_posts_v7_000003`,
`<prefix>_users_v7_000003` and so on, and a small one with what the model says about asking,
`<prefix>_weights_v7_000003`. Three kinds of alias keep the state, in Milvus and nowhere else:

- `<prefix>_begun_000003_1795000000` says that all collections of build 3 are there, and since when
  (seconds since 1970); without `sealed`, it is a build that was cut short and can go on.
- `<prefix>_sealed_000003` says that build 3 is complete; collections with neither are leftovers.
- `<prefix>_live` leads to the posts collection of the version in use. The other names follow from
  that one, so switching one alias switches all of them at once and no reader can mix versions.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from training.errors import BadConfig


class Target(StrEnum):
    """What is searched for; each has a collection.

    Images, texts and posts have one each, rather than three vector fields in one: a post without a
    picture then has no row among the images, instead of a made-up vector that a search could meet,
    and every collection is filled, counted, searched and deleted from in the same way.
    """

    USERS = "users"
    IMAGES = "images"
    TEXTS = "texts"
    POSTS = "posts"

    def asks(self, target: "Target") -> str:
        """The name of a direction, as in evaluation: `user_to_image`."""
        return f"{self.value[:-1]}_to_{target.value[:-1]}"


WEIGHTS = "weights"
"""The collection of query weights: a row a direction; see `View.aimed`."""
PARTS = (*Target, WEIGHTS)


@dataclass(frozen=True, order=True)
class Version:
    """One complete or growing index.

    Attributes:
        build: ascending number, never used twice while the version exists.
        model: version of the model that embedded it.
    """

    build: int
    model: str

    def __str__(self) -> str:
        return f"build {self.build} of model version {self.model}"


class Names:
    """Names of collections and aliases under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.live = f"{prefix}_live"
        parts = "|".join(PARTS)
        self._collection = re.compile(rf"{re.escape(prefix)}_(?:{parts})_v([A-Za-z0-9]+)_(\d{{6}})")
        self._begun = re.compile(rf"{re.escape(prefix)}_begun_(\d{{6}})_(\d+)")

    def collection(self, part: str, version: Version) -> str:
        """The collection of one of `PARTS` in a version."""
        return f"{self.prefix}_{part}_v{version.model}_{version.build:06d}"

    def sealed(self, version: Version) -> str:
        """The alias that marks a version as complete."""
        return f"{self.prefix}_sealed_{version.build:06d}"

    def begun(self, version: Version, seconds: int) -> str:
        """The alias that marks a version whose collections are all there, and since when."""
        return f"{self.prefix}_begun_{version.build:06d}_{seconds}"

    def begun_at(self, alias: str) -> tuple[int, int] | None:
        """Build and seconds since 1970 that a `begun` alias tells; None for any other alias."""
        match = self._begun.fullmatch(alias)
        return (int(match[1]), int(match[2])) if match else None

    def parse(self, collection: str) -> Version | None:
        """The version that a collection belongs to; None if it isn't one of ours."""
        match = self._collection.fullmatch(collection)
        if match is None:
            return None
        return Version(build=int(match[2]), model=match[1])


def check_model_version(model: str) -> str:
    """The model version, if it can be part of a name. Raises: BadConfig."""
    if not re.fullmatch(r"[A-Za-z0-9]{1,64}", model):
        raise BadConfig(f"model version {model!r} must be 1 to 64 letters or digits")
    return model
