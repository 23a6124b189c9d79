"""One stage of a large run, in a process of its own: `python -m infra.benchmarks.streaming_stages`.

usage: ... STAGE FOLDER, where FOLDER holds `network/` and `size.json`; prints one JSON object.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from infra.product import ProductConfig
    from training.data.clean import CleanData

RUN = "large"
STAGES = ("generate", "validate", "features", "train", "resume", "index", "truth", "hashed")
INTERESTS = 50
_HASHED = {"kind": "hashed", "buckets": 16_384}
_JUDGED, _DRAWN = 2000, 10_000
"""People of whom, and posts among which, what was found out is counted."""


def settings(folder: Path, *, hashed: bool = False) -> "ProductConfig":
    """A product of small dimensions that reads what `generate` wrote.

    Args:
        folder: of everything.
        hashed: whether people's vectors come from a table of one size for any number of people;
            tracked apart then, so that the model is not compared with the other.
    """
    from infra.product import ProductConfig

    judged = {"people": _JUDGED, "posts": _JUDGED}
    return ProductConfig.parse(
        {
            "workspace": str(folder / "workspace"),
            "data": {
                "posts": str(folder / "network/posts"),
                "reactions": str(folder / "network/reactions"),
            },
            "image_encoder": {"name": "histogram/32"},
            "text_encoder": {"name": "hashed/128"},
            "model": {
                "dimension": 64,
                "hidden": 64,
                "meaning": 32,
                "audience": {"prototypes": 32},
                "whitening": {"components": 64},
                "user": {"table": _HASHED if hashed else {}},
            },
            "tracking": {"uri": f"sqlite:///{folder / 'hashed.db'}"} if hashed else {},
            "loop": {
                "epochs": 2,
                "batch_size": 1024,
                "people": 256,
                "longest_history": 32,
                "checkpoint_steps": 200,
                "validation": judged,
            },
            "evaluation": judged,
            "scaling": {"workers": 2},
            "index": {"batch_size": 2000},
        }
    )


def generate(folder: Path) -> dict[str, Any]:
    """Made-up posts, one in ten with a picture and one in five hundred bad."""
    from training.synthetic.config import SyntheticConfig
    from training.synthetic.write import write

    size = json.loads((folder / "size.json").read_text(encoding="utf-8"))
    config = SyntheticConfig(
        posts=size["posts"],
        people=size["people"],
        interests=INTERESTS,
        images=0.1,
        reactions=1.0,
        flaws=0.002,
    )
    counts = write(config, folder / "network", shards=4)
    return {"posts": counts.posts, "flaws": counts.flaws, "reactions": counts.reactions}


def validate(folder: Path) -> dict[str, Any]:
    """Read, check, quarantine, split."""
    data = _clean(settings(folder))
    report = data.manifest.report
    return {
        "read": report.tables["posts"].read,
        "clean": report.tables["posts"].kept,
        "quarantined": report.tables["posts"].quarantined,
    }


def features(folder: Path) -> dict[str, Any]:
    """Encode every content once."""
    from training.features import compute_features

    config = settings(folder)
    table = compute_features(
        _clean(config), config.image_encoder, config.text_encoder, config.workspace / "features"
    )
    return {"rows": len(table.post_ids), "computed": table.computed, "reused": table.reused}


def train(folder: Path) -> dict[str, Any]:
    """Everything from clean posts to a registered model, evaluation and pictures included."""
    return _train(settings(folder), RUN)


def hashed(folder: Path) -> dict[str, Any]:
    """The same with a hashed user table, whose size does not grow with the people."""
    return _train(settings(folder, hashed=True), "hashed")


def _train(config: "ProductConfig", name: str) -> dict[str, Any]:
    from training.fit import METRICS
    from training.pipeline import train
    from training.tracking.metrics_log import read_metrics

    done = train(config.run(), config.workspace, name=name, new=True)
    epochs = read_metrics(done.run_folder / METRICS)
    return {
        "validation": done.validation,
        "epoch_s": epochs[-1].time - epochs[-2].time if len(epochs) > 1 else float("nan"),
        "user_to_post": done.retrieval["joint"]["user_to_post"]["map"],
        "version": done.model_version,
    }


def resume(folder: Path) -> dict[str, Any]:
    """How often each post is seen in an epoch that two workers begin and three go on with."""
    import torch

    from training.batches import BatchSampler
    from training.examples import Examples
    from training.whitened import with_whitened

    loop, place = settings(folder).loop, folder / "workspace/runs" / RUN / "examples"
    examples = with_whitened(Examples.load(place), place)

    def sampler(rank: int, world: int) -> BatchSampler:
        return BatchSampler(
            examples,
            batch_size=loop.batch_size,
            people=0,  # posts are counted, and come in the same order with any people
            longest_history=1,
            shuffle=loop.shuffle,
            seed=loop.seed,
            rank=rank,
            world=world,
        )

    whole = sampler(0, 1)
    middle = whole.steps() // 2
    seen = torch.zeros(len(examples.features), dtype=torch.long)
    for world, first, steps in ((2, 0, middle), (3, middle, whole.steps() - middle)):
        for rank in range(world):
            for batch in itertools.islice(sampler(rank, world).epoch(0, start=first), steps):
                seen[batch.keys.row] += 1
    passed_over = len(whole.rows) - whole.samples()  # by an epoch that isn't cut, too
    return {
        "posts": len(whole.rows),
        "twice": int((seen > 1).sum()),
        "skipped": int((seen[whole.rows] == 0).sum()) - passed_over,
        "passed_over": passed_over,
    }


def index(folder: Path) -> dict[str, Any]:
    """Import the posts into the event database, embed and insert them; Milvus is apart."""
    from infra.indexing import index_posts
    from recsys.milvus_server import LocalServer

    config = settings(folder)
    with LocalServer(Path(config.index.location(config.workspace))):
        report = index_posts(config, model="champion")
    return {str(target): count for target, count in report.counts.items()} | {
        "changed": report.changed,
        "unplaced": report.unplaced,
    }


def truth(folder: Path) -> dict[str, Any]:
    """How much of the interests the space has found out; see `streaming` for what is counted."""
    import numpy as np
    import pyarrow.parquet as pq
    from sklearn.cluster import KMeans
    from sklearn.metrics import normalized_mutual_info_score

    from infra.product import open_tracking
    from training.embedding import embed_people, embed_posts
    from training.materials import gather_materials
    from training.sampling import EvaluationConfig
    from training.space import Space
    from training.tracking.registry import space_folder

    config = settings(folder)
    model = space_folder("champion", open_tracking(config))
    space = Space.load(model)
    whole = gather_materials(config.run(), config.workspace, model_folder=model)
    some = whole.sampled(EvaluationConfig(people=_JUDGED, posts=10**9))
    ids = some.features.post_ids
    known = _interests(folder, ids)
    chosen = np.flatnonzero(known >= 0)[:_DRAWN]
    _, _, posts = embed_posts(space.joint, some.examples.features)
    likeness = {
        name: normalized_mutual_info_score(
            known[chosen],
            KMeans(INTERESTS, n_init=2, random_state=0).fit_predict(places[chosen]),  # type: ignore[arg-type]
        )
        for name, places in (
            ("nmi", space.as_query(posts, "post", "post")),
            ("nmi_of_text", some.examples.features.text.numpy()),
        )
    }
    people, present = embed_people(space.joint, some.examples, some.identities(space.users))
    rows = pq.read_table(folder / "network/truth/people.parquet").to_pylist()
    own = {row["user_id"]: row["interests"] for row in rows}
    asked = space.as_query(people[present], "user", "post")
    hits, chance = [], []
    for person, query in zip(np.flatnonzero(present), asked, strict=True):
        theirs = own[some.examples.users[person]]
        best = np.argsort(-(posts[chosen] @ query), kind="stable")[:10]
        hits.append(np.isin(known[chosen][best], theirs).mean())
        chance.append(np.isin(known[chosen], theirs).mean())
    return likeness | {"precision": float(np.mean(hits)), "chance": float(np.mean(chance))}


def _interests(folder: Path, post_ids: "np.ndarray") -> "np.ndarray":
    """(n,) interest of each post, -1 where nobody knows."""
    import numpy as np
    import pyarrow.parquet as pq

    place = {post_id: row for row, post_id in enumerate(post_ids.tolist())}
    found = np.full(len(post_ids), -1)
    with pq.ParquetFile(folder / "network/truth/posts.parquet") as file:
        for batch in file.iter_batches():
            pairs = zip(*(column.to_pylist() for column in batch.columns), strict=True)
            for post_id, interest in pairs:
                if post_id in place:
                    found[place[post_id]] = interest
    return found


def _clean(config: "ProductConfig") -> "CleanData":
    from training.data.prepare import prepare

    return prepare(config.data, config.split, config.workspace)


def main(stage: str, folder: Path) -> None:
    """Run a stage and print what it counted, with the seconds of the work alone."""
    from infra.product import services

    work: dict[str, Callable[[Path], dict[str, Any]]] = {
        "generate": generate,
        "validate": validate,
        "features": features,
        "train": train,
        "resume": resume,
        "index": index,
        "truth": truth,
        "hashed": hashed,
    }
    if stage == "generate":
        begun = time.monotonic()
        found = generate(folder)
    else:
        with services(settings(folder)):
            begun = time.monotonic()
            found = work[stage](folder)
            found["seconds"] = time.monotonic() - begun
    found.setdefault("seconds", time.monotonic() - begun)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute())
