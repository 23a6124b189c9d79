"""What the feature cache is worth: towers on cached features, and with both encoders each step."""

import statistics
import time
from dataclasses import replace
from pathlib import Path

from infra.benchmarks.claims import Claim
from infra.benchmarks.training_world import COMMAND, WIDTH, Scale, load, pictures

_BATCH = 32
_STEPS = 3
_CACHED_STEPS = 20


def cached_against_encoding(scratch: Path, scale: Scale) -> list[Claim]:
    """The same steps on the same posts; the default encoders, frozen, run for one side."""
    import torch

    from training.batches import BatchSampler
    from training.data.clean import CleanData
    from training.encoders import build_image_encoder, build_text_encoder
    from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
    from training.examples import assemble
    from training.loop import LoopConfig, begin
    from training.modalities import PostFeatures
    from training.model import JointSpace, ModelConfig
    from training.objective import LossesConfig, Objective
    from training.tuning import Content

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    data = CleanData.open(pictures(scratch, scale.pictures))
    content = Content(data.root)
    encoders = {
        "image": build_image_encoder(IMAGE_DEFAULT),
        "text": build_text_encoder(TEXT_DEFAULT),
    }
    authors = data.posts(["user_id"])["user_id"].to_pylist()
    there = torch.ones(len(authors), dtype=torch.bool)
    widths = {modality: encoder.dimension for modality, encoder in encoders.items()}
    examples = assemble(
        PostFeatures(
            torch.randn(len(authors), widths["image"]),
            there,
            torch.randn(len(authors), widths["text"]),
            there.clone(),
        ),
        authors,
        [f"text{row}" for row in range(len(authors))],
        [f"image{row}" for row in range(len(authors))],
        ["train"] * len(authors),
        {author: [] for author in authors},
    )
    space = JointSpace(
        ModelConfig(),
        users=len(examples.users),
        image_features=widths["image"],
        text_features=widths["text"],
    )
    objective = Objective(space, LossesConfig()).train()
    state = begin(objective, LoopConfig())
    sampler = BatchSampler(examples, batch_size=_BATCH, people=_BATCH, seed=0)
    batches = list(sampler.epoch(0))

    def steps(count: int, encode: bool) -> list[float]:
        found = []
        for number in range(count):
            batch = batches[number % len(batches)]
            begun = time.perf_counter()
            posts = batch.posts
            if encode:
                for modality, encoder in encoders.items():
                    raw = content.of(modality, batch.keys.row.tolist())
                    features = encoder.encode(raw)  # type: ignore[arg-type]
                    posts = replace(posts, **{modality: features.clone()})
            ready = replace(batch, posts=objective.inputs(posts), history=_whitened(space, batch))
            loss, _ = objective(ready)
            loss.backward()
            state.optimizer.step()
            state.optimizer.zero_grad()
            found.append(len(posts) / (time.perf_counter() - begun))
        return found

    try:
        for warm in (True, False):
            steps(2, encode=warm)
        fly = [speed for _ in range(scale.repetitions) for speed in steps(_STEPS, encode=True)]
        cached = steps(_CACHED_STEPS, encode=False)
    finally:
        torch.set_num_threads(threads)
    quick, slow = statistics.median(cached), statistics.median(fly)
    return [
        Claim(
            "cached: training on cached features to encoding each batch anew, posts/s",
            quick / slow,
            ">= 10",
            COMMAND,
            f"the default encoders, frozen, one thread, batches of {_BATCH}: cached {quick:,.0f} "
            f"posts/s, encoded on the fly {slow:,.1f} posts/s; features of {widths['image']} and "
            f"{widths['text']}, of which {WIDTH} each are kept; {load()}",
        )
    ]


def _whitened(space, batch):
    return replace(batch.history, posts=space.whiten(batch.history.posts))
