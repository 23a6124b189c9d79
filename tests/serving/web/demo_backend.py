"""A backend in this process for the page: a small world with pictures, or the real demo.

To look at the page over a copy of a demo workspace (Milvus Lite belongs to one process):

    python -m tests.serving.web.demo_backend WORKSPACE [MAP_JSON]
"""

import colorsys
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from recsys.config import EventsConfig, IndexConfig
from recsys.events.database import Events
from recsys.events.records import Person
from recsys.vectors import VectorStore
from serving.backend import Picture
from tests.recsys.world import fill, open_events, open_store, publish, small_world
from tests.serving import local_backend
from tests.serving.local_backend import VERSION, HashedSpace, LocalBackend
from training.errors import NotFound

NEWCOMER = "newcomer"


class DemoBackend(LocalBackend):
    """The local backend with pictures and a map."""

    def __init__(self, store, events, space, pictures: dict[str, bytes], community_map) -> None:
        super().__init__(store, events, space)
        self._pictures = pictures
        self._map: bytes | None = community_map

    async def community_map(self) -> bytes | None:
        return self._map

    async def picture(self, post_id: str) -> Picture:
        await self.post(post_id)
        if post_id not in self._pictures:
            raise NotFound(f"post {post_id!r} has no picture")
        return Picture(self._pictures[post_id], "image/webp", str(abs(hash(post_id))))


def open_small(folder: Path) -> DemoBackend:
    """Twelve people with a dozen posts each, most with pictures, and a newcomer; no map is far."""
    world, space = small_world(people=12, posts_each=12), HashedSpace()
    authors = sorted({post.user_id for post in world.posts})
    tags = ("birds", "boats", "flags", "fruit")
    posts = [
        replace(
            post,
            tags=(tags[authors.index(post.user_id) % 4], "all"),
            image_hash=f"{number:032x}" if world.features.posts.has_image[number] else None,
        )
        for number, post in enumerate(world.posts)
    ]
    store, events = open_store(folder), open_events(folder)
    fill(events, replace(world, posts=posts))
    events.add_people([Person(NEWCOMER)])
    vectors = space.embed_posts(world.features.posts)
    people = {}
    for author in authors:
        mean = vectors[world.features.user_ids == author].mean(0)
        people[author] = mean / np.linalg.norm(mean)
    publish(store, VERSION, dict(zip(posts, vectors, strict=True)), people)
    pictures = {
        post.post_id: drawing(number, authors.index(post.user_id) / len(authors))
        for number, post in enumerate(posts)
        if post.image_hash
    }
    return DemoBackend(store, events, space, pictures, small_map(posts, authors))


def drawing(number: int, hue: float) -> bytes:
    """Clip art of a kind: shapes in the author's colours on white."""
    random = np.random.default_rng(number)
    picture = Image.new("RGB", (224, 224 - 32 * (number % 3)), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(3):
        rgb = colorsys.hsv_to_rgb((hue + random.uniform(-0.06, 0.06)) % 1, 0.55, 0.85)
        fill_with = tuple(int(255 * part) for part in rgb)
        x, y, size = random.uniform(20, 120, 3)
        shape = pen.ellipse if random.random() < 0.5 else pen.rectangle
        shape((x, y, x + size, y + 0.8 * size), fill=fill_with, outline="black", width=2)
    out = io.BytesIO()
    picture.save(out, "WEBP")
    return out.getvalue()


def small_map(posts, authors) -> bytes:
    """Two communities, far from each other."""
    random = np.random.default_rng(0)
    points = []
    for post in posts:
        group = authors.index(post.user_id) % 2
        x, y = np.array([0.25, 0.3]) + 0.5 * group + random.uniform(-0.15, 0.15, 2)
        if not post.private:
            points.append(["post", post.post_id, post.title, float(x), float(y), group])
    for number, author in enumerate(authors):
        x, y = np.array([0.25, 0.3]) + 0.5 * (number % 2) + random.uniform(-0.12, 0.12, 2)
        points.append(["person", author, author, float(x), float(y), number % 2])
    public = [post for post in posts if not post.private]
    communities = [
        {
            "id": group,
            "name": ("birds, fruit", "boats, flags")[group],
            "colour": ("#0072B2", "#D55E00")[group],
            "size": len(authors[group::2]),
            "people": authors[group::2],
            "posts": [
                [post.post_id, post.title]
                for post in public
                if authors.index(post.user_id) % 2 == group
            ][:5],
        }
        for group in (0, 1)
    ]
    return json.dumps({"title": "Small", "points": points, "communities": communities}).encode()


def open_demo(workspace: Path, community_map: Path | None = None) -> DemoBackend:
    """Over a copy of a demo workspace, whose model is the newest run's."""
    import pyarrow.parquet as parquet

    from training.space import Space

    sample = parquet.read_table("training/data/sample/posts.parquet", columns=["post_id", "image"])
    pictures = {
        row["post_id"]: row["image"] for row in sample.to_pylist() if row["image"] is not None
    }
    folder = sorted((workspace / "runs").glob("*/model"))[-1]
    events = Events(EventsConfig(), workspace)
    events.add_people([Person(NEWCOMER)])
    store = VectorStore(IndexConfig(), workspace)
    found = community_map.read_bytes() if community_map else None
    local_backend.MOST = 60  # to page through all would take its time
    backend = DemoBackend(store, events, Space.load(folder), pictures, found)
    backend._recommender._model_version = store.live().version.model
    return backend


if __name__ == "__main__":
    import uvicorn

    from serving.api.application import create_app
    from serving.security.guard import Guard
    from serving.web.pages import router

    arguments = [Path(argument) for argument in sys.argv[1:]]
    shown, who = open_demo(*arguments), Guard(None)
    app = create_app(shown, who, web=router(shown, who))
    uvicorn.run(app, host="127.0.0.1", port=8123, log_level="warning")
