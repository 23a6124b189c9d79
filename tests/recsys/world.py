"""A small network: people in corners of a plane of interests, and a space that is a projection."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from recsys.config import EventsConfig, IndexConfig
from recsys.events.database import Events
from recsys.events.records import Post, Reaction
from recsys.vectors import VectorStore
from recsys.versions import Target
from training.errors import NotFound
from training.modalities import History, PostFeatures
from training.model.layout import Block
from training.towers import Learned

IMAGE_WIDTH, TEXT_WIDTH = 12, 10
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class ProjectionSpace:
    """The interface of `training.space.Space` over two fixed linear maps onto one sphere."""

    def __init__(self, users: Sequence[str] = (), dimension: int = 16, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.users, self.dimension = tuple(users), dimension
        half = dimension // 2
        blocks = (Block("user_image", half, (), True), Block("image_text", dimension - half))
        self.joint = SimpleNamespace(blocks=blocks)
        self.query_weights = {"user_to_post": (1.0, 0.5)}
        self.image = nn.Linear(IMAGE_WIDTH, dimension, bias=False)
        self.text = nn.Linear(TEXT_WIDTH, dimension, bias=False)
        for layer in (self.image, self.text):
            nn.init.normal_(layer.weight, generator=generator)
        self.ids = torch.randn(len(self.users), dimension, generator=generator)

    @torch.inference_mode()
    def embed_images(self, features: Tensor) -> np.ndarray:
        return functional.normalize(self.image(features), dim=1).numpy()

    @torch.inference_mode()
    def embed_texts(self, features: Tensor) -> np.ndarray:
        return functional.normalize(self.text(features), dim=1).numpy()

    @torch.inference_mode()
    def embed_posts(self, posts: PostFeatures) -> np.ndarray:
        image = self.image(posts.image.nan_to_num()) * posts.has_image[:, None]
        text = self.text(posts.text.nan_to_num()) * posts.has_text[:, None]
        return functional.normalize(image + text, dim=1).numpy()

    @torch.inference_mode()
    def embed_users(self, history: History, user_ids: Sequence[str | None]) -> np.ndarray:
        posts = torch.from_numpy(self.embed_posts(history.posts))
        total = torch.zeros(history.people, self.dimension)
        total.index_add_(0, history.owner, posts * history.weight[:, None])
        for row, user in enumerate(user_ids):
            if user in self.users:
                total[row] += 0.1 * self.ids[self.users.index(user)]
        if not (total.norm(dim=1) > 0).all():
            raise NotFound("no embedding")
        return functional.normalize(total, dim=1).numpy()

    def learned(self, users: Sequence[str]) -> Learned:
        known = tuple(user for user in users if user in self.users)
        rows = torch.tensor([self.users.index(user) for user in known], dtype=torch.long)
        return Learned(known, {"user_image": self.ids[rows]})

    def knowing(self, learned: Learned) -> "ProjectionSpace":
        twin = copy(self)
        twin.users, twin.ids = learned.users, learned.identities["user_image"]
        return twin

    def encode_text(self, texts: Sequence[str]) -> np.ndarray:
        """A text is a comma-separated list of features here."""
        rows = [[float(number) for number in text.split(",")] for text in texts]
        return self.embed_texts(torch.tensor(rows))

    def encode_image(self, images: Sequence[bytes]) -> np.ndarray:
        rows = [np.frombuffer(image, dtype=np.float32) for image in images]
        return self.embed_images(torch.from_numpy(np.stack(rows)))


@dataclass(frozen=True)
class Features:
    """The interface of `training.features.FeatureTable`."""

    post_ids: np.ndarray
    user_ids: np.ndarray
    posts: PostFeatures


@dataclass(frozen=True)
class World:
    """Posts with features, and the reactions to them."""

    posts: list[Post]
    features: Features
    reactions: list[Reaction]


def small_world(people: int = 6, posts_each: int = 8, seed: int = 0) -> World:
    """People with posts round their own corner; some posts lack a modality, one is private each.

    Everyone likes two posts of the next person and hides one.
    """
    generator = torch.Generator().manual_seed(seed)
    count = people * posts_each
    author = [i // posts_each for i in range(count)]
    centre = torch.randn(people, 6, generator=generator)
    hidden = centre[author] + 0.5 * torch.randn(count, 6, generator=generator)
    image = hidden @ torch.randn(6, IMAGE_WIDTH, generator=generator)
    text = hidden @ torch.randn(6, TEXT_WIDTH, generator=generator)
    has_image = torch.ones(count, dtype=torch.bool)
    has_text = torch.ones(count, dtype=torch.bool)
    has_image[1::7], has_text[3::7] = False, False
    image[~has_image], text[~has_text] = torch.nan, torch.nan
    posts = [
        Post(
            post_id=f"post/{i:03d}",
            user_id=f"person{author[i]}",
            text=f"Title {i}. More of it." if has_text[i] else None,
            tags=(f"corner{author[i]}", "all"),
            created_at=BEGINNING + timedelta(hours=i),
            private=i % posts_each == posts_each - 1,
        )
        for i in range(count)
    ]
    reactions = [
        Reaction(f"person{p}", f"post/{((p + 1) % people) * posts_each + n:03d}", kind)
        for p in range(people)
        for n, kind in enumerate(("like", "like", "hide"))
    ]
    ids = np.array([post.post_id for post in posts])
    authors = np.array([post.user_id for post in posts])
    features = Features(ids, authors, PostFeatures(image, has_image, text, has_text))
    return World(posts, features, reactions)


def fill(events: Events, world: World) -> None:
    """Bring a world into an event database."""
    events.add_posts(world.posts)
    events.add_reactions(world.reactions)


def open_events(folder) -> Events:
    return Events(EventsConfig(), folder)


def open_store(folder, **settings) -> VectorStore:
    return VectorStore(IndexConfig(**settings), folder)


def unit_rows(count: int, dimension: int = 16, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def publish(store: VectorStore, model: str, posts: dict[Post, np.ndarray], people=None):
    """Index given vectors without a model: `posts` to (D,), and user ids to (D,)."""
    people = people or {}
    dimension = len(next(iter(posts.values())))
    build = store.begin(model, dimension)
    vectors = np.stack(list(posts.values()))
    for target in (Target.POSTS, Target.IMAGES, Target.TEXTS):
        build.insert(target, [post.post_id for post in posts], vectors, list(posts))
    if people:
        build.insert(Target.USERS, list(people), np.stack(list(people.values())))
    store.publish(build)
    return build.version
