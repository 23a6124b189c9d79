"""A workspace with a small world in every kind of place, each made by the code that makes it."""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import save_file

from recsys.events.database import Events
from recsys.events.pictures import StoredPicture
from recsys.events.records import Person
from recsys.forgetting.keeper import Places
from recsys.forgetting.needles import Needle, id_needles
from tests.recsys.world import World, open_events, open_store, publish, small_world, unit_rows
from training.data.cleaning import Folder
from training.data.tables import POSTS, QUARANTINE, REACTIONS, USERS
from training.data.validate import content_hash
from training.features.cache import FeatureCache

WIDTH = 8


@dataclass(frozen=True)
class Stocked:
    """A full workspace.

    Attributes:
        places: where.
        world: what it holds.
        pictures: what posts show, by post.
        vectors: (16,) by post and person.
    """

    places: Places
    world: World
    pictures: dict[str, bytes]
    vectors: dict[str, np.ndarray]

    @property
    def workspace(self) -> Path:
        return self.places.workspace

    def needles(self, user_id: str) -> list[Needle]:
        """Ids, texts, pictures and vectors of a person: all that may be nowhere afterwards."""
        own = [post for post in self.world.posts if post.user_id == user_id]
        others = [post.post_id for post in self.world.posts if post.user_id != user_id]
        ids = [user_id, *(post.post_id for post in own)]
        contents = [
            *(Needle("text", post.text.encode()) for post in own if post.text),
            *(Needle("picture", self.pictures[post.post_id][:64]) for post in own),
            *(Needle("vector", self.vectors[id].tobytes()) for id in ids),
        ]
        return [*id_needles(ids, [*others, "person30"]), *contents]


def stocked(folder: Path, *, posts_each: int = 6) -> Stocked:
    """Two versions of an index, clean data, features, a finished run, maps, reports and logs."""
    world = small_world(posts_each=posts_each)
    random = np.random.default_rng(7)
    pictures = {post.post_id: random.bytes(300) for post in world.posts}
    posts = [replace(post, image_hash=content_hash(pictures[post.post_id])) for post in world.posts]
    world = replace(world, posts=posts)
    people = sorted({post.user_id for post in posts})
    rows = unit_rows(len(posts) + len(people) + 1, seed=3)
    names = [*(post.post_id for post in posts), *people, "person30"]
    vectors = dict(zip(names, rows, strict=True))
    with open_events(folder) as events:
        fill(events, world, pictures)
    with open_store(folder) as store:
        for _ in range(2):
            public = {post: vectors[post.post_id] for post in posts if not post.private}
            publish(store, "1", public, {name: vectors[name] for name in [*people, "person30"]})
    clean_data(folder / "data" / "0123-4567", world, pictures)
    features(folder / "features" / "encoder", world)
    run(folder / "runs" / "first", people, world)
    (folder / "serve.log").write_text("person3 wrote post/018.\nperson30 wrote nothing\n")
    return Stocked(Places(folder), world, pictures, vectors)


def fill(events: Events, world: World, pictures: dict[str, bytes]) -> None:
    """The whole world, and a person whose id begins with another's."""
    events.add_people([Person("person3", "I am the third"), Person("person30", "not the third")])
    events.add_posts(world.posts)
    events.add_pictures(
        {content_hash(data): StoredPicture("image/webp", data) for data in pictures.values()}
    )
    events.add_reactions(world.reactions)


def clean_data(folder: Path, world: World, pictures: dict[str, bytes]) -> None:
    """As `prepare` leaves it, short of splits and manifest; with a bad row of a person's."""
    posts = [
        {
            "post_id": post.post_id,
            "user_id": post.user_id,
            "text": post.text,
            "image": pictures[post.post_id],
            "private": post.private,
            "text_hash": content_hash(post.text.encode()) if post.text else None,
            "image_hash": content_hash(pictures[post.post_id]),
        }
        for post in world.posts
    ]
    likes = [
        {"user_id": one.user_id, "post_id": one.post_id, "kind": one.kind, "created_at": 0}
        for one in world.reactions
    ]
    users = [{"user_id": name} for name in sorted({post.user_id for post in world.posts})]
    bad = [
        {
            "table": "posts",
            "file": "f",
            "row": 1,
            "reason": "empty post",
            "detail": "",
            "raw": json.dumps({"user_id": "person3", "post_id": "post/bad"}),
        }
    ]
    with Folder(folder, ids_mapped=False) as writer:
        writer.good("posts", pa.Table.from_pylist(posts, POSTS))
        writer.good("reactions", pa.Table.from_pylist(likes, REACTIONS))
        writer.good("users", pa.Table.from_pylist(users, USERS))
        writer.bad(pa.Table.from_pylist(bad, QUARANTINE))
    (folder / "manifest.json").write_text("{}")


def features(folder: Path, world: World) -> None:
    """A cache with every text and picture, the vector made of its hash, and a gathered table."""
    contents = [post.image_hash for post in world.posts if post.image_hash]
    contents += [content_hash(post.text.encode()) for post in world.posts if post.text]
    cache = FeatureCache(folder, WIDTH, in_memory_bytes=0)
    half = len(contents) // 2
    for part in (contents[:half], contents[half:]):
        cache.append(part, torch.stack([feature_of(hash) for hash in part]))
    cache.gather(contents)


def feature_of(hash: str) -> torch.Tensor:
    data = hashlib.blake2b(hash.encode(), digest_size=4 * WIDTH).digest()
    numbers = np.frombuffer(data, dtype=np.uint32).astype(np.float32)
    return torch.from_numpy(numbers)


def run(folder: Path, people: list[str], world: World) -> None:
    """What a training, `communities` and `report` leave."""
    for part in ("examples", "checkpoints", "model", "plots", "communities"):
        (folder / part).mkdir(parents=True)
    (folder / "config.yaml").write_text("{}\n")
    (folder / "examples" / "users.json").write_text(json.dumps(people))
    np.save(folder / "examples" / "image.npy", world.features.posts.image.numpy())
    (folder / "checkpoints" / "model.safetensors").write_bytes(b"moments")
    model(folder / "model", people)
    for name in ("examples.png", "map.png", "training.png"):
        (folder / "plots" / name).write_bytes(b"\x89PNG picture")
    (folder / "report.html").write_text("<p>person3 and others</p>")
    points = [
        *(["post", post.post_id, "title", 0.1, 0.2, 0] for post in world.posts),
        *(["person", name, name, 0.3, 0.4, 0] for name in people),
    ]
    group = {"id": 0, "size": 6, "people": people, "posts": [["post/018", "Title 18"]]}
    document = {"title": "map", "points": points, "communities": [group]}
    (folder / "communities" / "map.json").write_text(json.dumps(document))
    posts = [{"post_id": p.post_id, "author": p.user_id, "text": p.text} for p in world.posts]
    found = {"communities": [{"name": "a, b", "people": people, "posts": posts}], "outside": []}
    (folder / "communities" / "communities.json").write_text(json.dumps(found))
    (folder / "communities" / "map.html").write_text("<script>person3</script>")


def model(folder: Path, people: list[str]) -> None:
    """The files of a saved space that know people."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "space.json").write_text("{}")
    (folder / "users.json").write_text(json.dumps(people))
    weights = {"users.identities.weight": torch.ones(len(people), 4), "other": torch.ones(3)}
    save_file(weights, folder / "model.safetensors")
