"""A finished run without the training: real data, encoders, tracker and files; towers untrained."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from tests.training.encoders.tiny import picture
from training.data.clean import CleanData
from training.encoders import build_image_encoder, build_text_encoder
from training.examples import Examples
from training.features import FeatureTable
from training.fit import METRICS
from training.materials import Materials, assemble_examples, gather_materials
from training.modalities import PostFeatures
from training.model import JointSpace, ModelConfig
from training.run_config import RunConfig
from training.space import Space
from training.tracking.metrics_log import append_metrics
from training.tracking.run import open_run
from training.tracking.server import Tracking

SCRIPT = "<script>alert(1)</script>"
HOSTILE = (
    SCRIPT,
    "</style><img src=http://evil.example/x onerror=alert(1)>",
    '"><a href="javascript:alert(1)">click</a>',
    "' onmouseover='alert(1)",
    "<!-- --><iframe src=//evil.example></iframe>",
    "&lt;script&gt; &amp; \u202eright to left",
    "]]></p></section><link rel=stylesheet href=https://evil.example/a.css>",
    "{{7*7}} ${7*7} %s",
)
MODEL = ModelConfig(dimension=48, hidden=32)


def write_posts(path: Path, *, each: int = 8, images: bool = True, private: bool = False) -> Path:
    """Posts of six people with hostile texts; every fifth without an image, every seventh without a
    text. (Hostile ids do not get this far: cleaning refuses them.)"""
    people = ["ann", "bob", "carl", "dora", "eve", "frank"]
    rows = []
    for number in range(len(people) * each):
        image = picture(number) if images and number % 5 else None
        words = f"{HOSTILE[number % len(HOSTILE)]} number {number}"
        text = words if image is None or number % 7 else None
        rows.append(
            {
                "post_id": f"post{number}",
                "user_id": people[number % len(people)],
                "text": text,
                "image": image,
                "private": private and number % 2 == 0,
            }
        )
    schema = pa.schema(
        [
            ("post_id", pa.string()),
            ("user_id", pa.string()),
            ("text", pa.string()),
            ("image", pa.binary()),
            ("private", pa.bool_()),
        ]
    )
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


def random_materials(data: CleanData) -> Materials:
    """Features that lie near their author's, without an encoder."""
    posts = data.posts(["post_id", "user_id", "text_hash", "image_hash"])
    random = np.random.default_rng(0)
    people = sorted(set(posts["user_id"].to_pylist()))
    author = [people.index(user) for user in posts["user_id"].to_pylist()]

    def near(width: int) -> torch.Tensor:
        centres = random.standard_normal((len(people), width))
        moved = centres[author] + 0.5 * random.standard_normal((len(author), width))
        return torch.from_numpy(moved.astype(np.float32))

    def there(name: str) -> torch.Tensor:
        return torch.tensor([each is not None for each in posts[name].to_pylist()])

    features = PostFeatures(near(12), there("image_hash"), near(10), there("text_hash"))
    ids = (np.array(posts[name].to_pylist()) for name in ("post_id", "user_id"))
    table = FeatureTable(*ids, features, 0, len(posts))
    return Materials(data, table, assemble_examples(RunConfig(), data, table))


def space_for(examples: Examples, encoders: tuple, users: tuple[str, ...] | None = None) -> Space:
    """An untrained space, whitening fitted."""
    torch.manual_seed(0)
    known = examples.users if users is None else users
    features = examples.features
    joint = JointSpace(
        MODEL,
        users=len(known),
        image_features=features.image.shape[1],
        text_features=features.text.shape[1],
    )
    joint.fit_inputs(features[examples.rows("train")])
    return Space(joint, *encoders, known)


def encoders() -> tuple:
    """The packaged ones."""
    config = RunConfig()
    return build_image_encoder(config.image_encoder), build_text_encoder(config.text_encoder)


def finish_run(posts: Path, tracking: Tracking, name: str = "first") -> str:
    """What a training leaves in workspace and tracker, short of registration; the MLflow run id."""
    config = RunConfig.load(overrides=[f"data.posts={posts}"])
    folder = tracking.workspace / "runs" / name
    with open_run(tracking, folder, name=name) as run:
        (folder / "config.yaml").write_text(config.to_yaml())
        run.log_config(config)
        materials = gather_materials(config, tracking.workspace)
        manifest = materials.data.manifest
        run.log_data(manifest.digest, source=manifest.config.posts, counts=manifest.counts)
        for epoch in (1, 2):
            values = {"loss/total": 3.0 / epoch, "validation/score": 0.1 * epoch}
            append_metrics(folder / METRICS, epoch, values)
        space_for(materials.examples, encoders()).save(folder / "model")
    return run.run_id
