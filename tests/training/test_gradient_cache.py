"""Encoding twice in parts gives the gradient of encoding once, dropout and all."""

import io
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests.training.crowd import (
    IMAGE,
    Crowd,
    distance,
    examples_of,
    first_batch,
    gradients,
    objective_of,
)
from training import gradient_cache, loop
from training.distributed import rank, world_size
from training.encoders import EncoderConfig
from training.encoders.image import ImageEncoder, ImagePreprocessing
from training.gradient_cache import cached_backward
from training.step import parallel, synchronised

CROWD = Crowd(11, posts=31, people=7, present=0.7)
STILL = {"dropout": 0.0, "input_dropout": 0.0, "user": {"id_dropout": 0.0}}
LOSSES = {"user_image": {"name": "sigmoid"}, "image_text": {"weight": 0.5}}
ROWS = 5


class Pictures:
    """Content of posts by row: pictures of noise."""

    def of(self, modality: str, rows: list[int]) -> list[bytes]:
        assert modality == "image"
        return [self._picture(row) for row in rows]

    def _picture(self, row: int) -> bytes:
        pixels = np.random.default_rng(row).integers(0, 255, (16, 16, 3), np.uint8)
        data = io.BytesIO()
        Image.fromarray(pixels).save(data, "png")
        return data.getvalue()


def image_encoder(dropout: float) -> ImageEncoder:
    """A small trainable one."""
    torch.manual_seed(1)
    backbone = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2),
        nn.BatchNorm2d(6),
        nn.GELU(),
        nn.Dropout(dropout),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, IMAGE),
    )
    config = EncoderConfig(name="timm/of-a-test", tuning="full")
    return ImageEncoder(config, backbone, IMAGE, ImagePreprocessing(size=16))


def pulled(how: str, *, still: bool = False, encoder: bool = True, autocast: bool = False):
    """A worker's gradient after one step, and the loss's parts.

    Args:
        how: `whole`, `cached`, or `parts`: encoded in the same parts, once, and all with a graph.
        still: without any dropout.
        encoder: whether one is trained too.
        autocast: to bfloat16.
    """
    examples = examples_of(CROWD)
    losses = LOSSES if still else {**LOSSES, "modality_dropout": 0.3}
    found = objective_of(examples, losses, **(STILL if still else {}))
    if encoder:
        found.content = Pictures()  # type: ignore[assignment]
        found.encoders["image"] = image_encoder(0.0 if still else 0.3)
    found.train()
    batch = first_batch(found, examples, CROWD.posts, rank=rank(), world=world_size())
    model = parallel(found)
    count = -(-max(batch.most_posts, batch.most_people) // ROWS)
    torch.manual_seed(5 + rank())
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        if how == "cached":
            parts = cached_backward(
                model,
                found,
                batch,
                rows=ROWS,
                scale=1.0,
                synchronised=partial(synchronised, model),
            )
        else:
            loss, parts = model(batch, partial(in_parts, count) if how == "parts" else None)
            loss.backward()
    return gradients(found), {name: float(part) for name, part in parts.items()}


def in_parts(count: int, found, batch):
    """The plain way, with the random numbers of the cached one."""
    encoded = [found.encode(part) for part in batch.split(count)]
    points = {}
    for key in encoded[0]:
        vectors = torch.cat([each[key].vectors for each in encoded])
        detached = gradient_cache._joined([each[key].fixed() for each in encoded])
        points[key] = type(detached)(vectors, detached.present, detached.keys)
    return found.compare(points, batch)


def agree(one: tuple[Tensor, dict], other: tuple[Tensor, dict], most: float = 1e-5) -> None:
    assert one[1] == pytest.approx(other[1], rel=1e-5)
    assert distance(one[0], other[0]) < most


def test_without_dropout_it_is_the_gradient_of_the_whole_batch():
    agree(pulled("cached", still=True), pulled("whole", still=True))


@pytest.mark.parametrize("encoder", [True, False])
def test_dropout_falls_twice_on_the_same_units(encoder):
    cached = pulled("cached", encoder=encoder)
    agree(cached, pulled("parts", encoder=encoder))
    assert distance(cached[0], pulled("whole", encoder=encoder)[0]) > 1e-2


def test_under_autocast_the_second_pass_has_a_gradient_too():
    agree(pulled("cached", autocast=True), pulled("parts", autocast=True), most=2e-2)


def test_random_numbers_go_on_as_after_the_first_pass():
    found = examples_of(CROWD)
    objective = objective_of(found, LOSSES)
    batch = first_batch(objective, found, CROWD.posts)
    torch.manual_seed(3)
    for part in batch.split(7):
        objective.encode(part)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    cached_backward(
        objective,
        objective,
        batch,
        rows=5,
        scale=1.0,
        synchronised=partial(synchronised, objective),
    )
    assert torch.equal(torch.rand(1), wanted)


def _both_ways(still: bool) -> list:
    return [pulled(how, still=still) for how in ("cached", "parts")]


def test_two_workers_have_the_plain_gradient_too(two_workers):
    """The workers' parts differ in length, some are empty, and some hold no picture."""
    for cached, parts in two_workers(_both_ways, False):
        agree(cached, parts)
    alone = pulled("whole", still=True)
    for cached, _ in two_workers(_both_ways, True):
        agree(cached, alone)


def test_the_loop_trains_with_it():
    """Without dropout, the same losses with and without the cache."""
    curves = []
    for rows in (0, 6):
        examples = examples_of(Crowd(2, posts=32))
        found = objective_of(examples, {}, **STILL)
        config = loop.LoopConfig(epochs=2, batch_size=16, accumulate=2, cache_rows=rows)
        lines: list[dict[str, float]] = []
        loop.run(
            loop.begin(found, config), examples, config, lambda line, _, to=lines: to.append(line)
        )
        curves.append([{k: v for k, v in line.items() if k.startswith("loss/")} for line in lines])
    for plain, cached in zip(*curves, strict=True):
        assert cached == pytest.approx(plain, rel=1e-4)
    assert curves[0][0] != curves[0][1]
