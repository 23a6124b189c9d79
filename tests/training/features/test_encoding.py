import os
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.training.encoders import tiny
from training.encoders import EncoderConfig, build_text_encoder
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import Unavailable
from training.features import EncodingConfig, compute_features

ACTORS = EncodingConfig(here_below=0, actors=1)
HERE = EncodingConfig(here_below=10**9)


def test_a_pool_encodes_all_and_replaces_a_killed_actor(
    clean_sample, image_config, text_config, tmp_path
):
    seen, killed = [], []

    def progress(*what: object) -> None:
        seen.append(what)
        if not killed:
            killed.append(_actors_of_this_session()[0])
            os.kill(killed[0], signal.SIGKILL)

    def features(cache: str, config: EncodingConfig):
        return compute_features(
            clean_sample, image_config, text_config, tmp_path / cache, config=config
        )

    there = compute_features(
        clean_sample,
        image_config,
        text_config,
        tmp_path / "actors",
        config=EncodingConfig(here_below=0),
        progress=progress,
    )
    images, texts = (
        len(set(clean_sample.posts([column])[column].drop_null().to_pylist()))
        for column in ("image_hash", "text_hash")
    )
    assert killed and (there.computed, there.reused) == (images + texts, 0)
    assert ("images", images, images) in seen and ("texts", texts, texts) in seen
    here = features("here", HERE)
    torch.testing.assert_close(there.posts.image, here.posts.image, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(there.posts.text, here.posts.text, atol=1e-5, rtol=1e-4)

    start = time.monotonic()
    again = features("actors", ACTORS)
    assert again.computed == 0 and torch.equal(again.posts.image, there.posts.image)
    assert time.monotonic() - start < 2  # no actor starts in that time


def test_the_defaults_give_finite_features(clean_sample, tmp_path):
    table = compute_features(clean_sample, IMAGE_DEFAULT, TEXT_DEFAULT, tmp_path, config=ACTORS)
    assert table.posts.image.shape[1] == 2304 and table.posts.text.shape[1] == 1152
    assert bool(table.posts.image.isfinite().all() & table.posts.text.isfinite().all())
    assert bool((table.posts.image[table.posts.has_image].std(1) > 0.02).all())


def test_an_error_of_an_actor_is_the_one_it_would_be_here(data, tmp_path):
    saved = tmp_path / "encoder"

    source = tiny.write_bert(tmp_path / "bert")
    build_text_encoder(EncoderConfig(name=f"transformers/{source}")).save(saved)
    source.rename(tmp_path / "gone")
    for config in (ACTORS, HERE):
        with pytest.raises(Unavailable, match="can't be loaded"):
            compute_features(data, None, saved, tmp_path / "cache", config=config)


def _actors_of_this_session() -> list[int]:
    """Processes of Ray Data's actors whose Ray was started by this process."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            title = (folder / "cmdline").read_text()
        except OSError:
            continue
        if folder.name.isdigit() and title.startswith("ray::MapWorker"):
            raylet = _parent(int(folder.name))
            if _parent(raylet) == os.getpid():
                found.append(int(folder.name))
    return found


def _parent(process: int) -> int:
    text = Path(f"/proc/{process}/stat").read_text()
    return int(text.rpartition(")")[2].split()[1])
