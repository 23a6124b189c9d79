"""Batches made ahead are the same batches, and errors come where they belong."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import fields, is_dataclass

import pytest
import torch

from tests.training.encoders.tiny import picture
from tests.training.synthetic import small_examples
from training import tuning
from training.acceleration import AccelerationConfig
from training.acceleration.prefetching import ahead, each_tensor, feed
from training.batches import BatchSampler
from training.encoders import EncoderConfig, build_image_encoder


def sampler() -> BatchSampler:
    return BatchSampler(small_examples(), batch_size=8, people=6, seed=3, short_histories=0.3)


def tensors(tree: object) -> list[torch.Tensor]:
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        return [t for value in tree.values() for t in tensors(value)]
    if is_dataclass(tree):
        return [t for field in fields(tree) for t in tensors(getattr(tree, field.name))]
    return []


@pytest.mark.parametrize("prefetch", [0, 1, 3])
def test_the_same_batches_in_the_same_order(prefetch):
    config = AccelerationConfig(prefetch=prefetch)
    waiting = feed(sampler().epoch(1), lambda batch, pool: batch, config, "cpu")
    for found, wanted in zip(waiting, sampler().epoch(1), strict=True):
        pairs = list(zip(tensors(found), tensors(wanted), strict=True))
        assert len(pairs) == 15
        assert all(torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in pairs)
        assert not any(a.is_pinned() for a, _ in pairs)
    assert waiting.waited_s > 0


def test_every_tensor_of_a_batch_moves():
    batch = next(sampler().epoch(0))
    moved = each_tensor(batch, lambda t: t.to("meta"))
    assert {t.device.type for t in tensors(moved)} == {"meta"}
    assert moved.most_posts == batch.most_posts and moved.history.people == batch.history.people


def test_an_error_comes_in_its_place():
    def batches():
        yield 1
        raise ValueError("torn file")

    found = ahead(batches(), lambda batch: batch * 10, 2)
    assert next(found) == 10
    with pytest.raises(ValueError, match="torn file"):
        next(found)


def test_no_thread_stays_and_nothing_is_made_far_ahead():
    made, before = [], threading.active_count()

    def batches():
        for number in range(1000):
            made.append(number)
            yield number

    with closing(ahead(batches(), lambda batch: batch, 2)) as found:
        assert next(found) == 0
        deadline = time.monotonic() + 5
        while len(made) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(made) <= 5  # one read, two waiting, one or two in the thread's hand
    assert threading.active_count() == before


def test_images_are_decoded_by_several_threads_as_by_one():
    config = EncoderConfig(name="torchvision/resnet18", pretrained=False, image_size=32)
    encoder = build_image_encoder(config)
    raw = [picture(i) if i % 3 else None for i in range(11)]
    present = torch.tensor([each is not None for each in raw])
    alone = tuning.inputs_of(encoder, raw, present)
    with ThreadPoolExecutor(3) as pool:
        together = tuning.inputs_of(encoder, raw, present, pool)
    assert together["pixels"].equal(alone["pixels"])
    assert tuning.inputs_of(encoder, raw, torch.zeros(11, dtype=torch.bool)) == {}
