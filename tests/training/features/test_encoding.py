import os
import signal
import time
from pathlib import Path

import pytest
import torch

from training.encoders import EncoderConfig
from training.encoders.config import IMAGE_DEFAULT, TEXT_DEFAULT
from training.errors import Unavailable
from training.features import EncodingConfig, compute_features

ACTORS = EncodingConfig(here_below=0)
HERE = EncodingConfig(here_below=10**9)


def test_actors_give_what_one_process_gives_and_a_second_run_starts_none(clean_sample, tmp_path):
    seen = []
    there = compute_features(
        clean_sample,
        IMAGE_DEFAULT,
        TEXT_DEFAULT,
        tmp_path / "actors",
        config=ACTORS,
        progress=lambda *what: seen.append(what),
    )
    images, texts = (
        len(set(clean_sample.posts([column])[column].drop_null().to_pylist()))
        for column in ("image_hash", "text_hash")
    )
    assert (there.computed, there.reused) == (images + texts, 0)
    assert ("images", images, images) in seen and ("texts", texts, texts) in seen
    here = compute_features(
        clean_sample, IMAGE_DEFAULT, TEXT_DEFAULT, tmp_path / "here", config=HERE
    )
    torch.testing.assert_close(there.posts.image, here.posts.image, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(there.posts.text, here.posts.text, atol=1e-4, rtol=1e-4)
    assert bool(there.posts.image.isfinite().all() & there.posts.text.isfinite().all())

    start = time.monotonic()
    again = compute_features(
        clean_sample, IMAGE_DEFAULT, TEXT_DEFAULT, tmp_path / "actors", config=ACTORS
    )
    assert again.computed == 0 and torch.equal(again.posts.image, there.posts.image)
    assert time.monotonic() - start < 2


def test_a_killed_actor_is_replaced(clean_sample, image_config, text_config, tmp_path, caplog):
    killed = []

    def kill_one(*_: object) -> None:
        if not killed:
            killed.append(_actors_of_this_session()[0])
            os.kill(killed[0], signal.SIGKILL)

    table = compute_features(
        clean_sample,
        image_config,
        text_config,
        tmp_path,
        config=EncodingConfig(here_below=0, actors=1),
        progress=kill_one,
    )
    assert killed and "is replaced" in caplog.text
    assert table.reused == 0 and table.computed > 100
    assert compute_features(clean_sample, image_config, text_config, tmp_path).computed == 0


def test_an_error_of_an_actor_is_the_one_it_would_be_here(data, image_config, tmp_path):
    saved = tmp_path / "encoder"
    from tests.training.encoders import tiny
    from training.encoders import build_text_encoder

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
