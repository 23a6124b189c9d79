"""`make bench-serving`: what HTTP, batches and the recommender's own work cost.

Each figure stands beside its baseline, measured in the same run on the same machine: the same model
in a bare loop, the same model in a plain web application, the same search without anything around
it. Figures are medians; rounds of service and baseline take turns.
"""

import asyncio
import base64
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import requests

from infra.benchmarks.claims import Claim, lines, write_claims
from infra.benchmarks.contract import contract
from infra.benchmarks.load import Ask, Load
from infra.benchmarks.process import served
from infra.benchmarks.recommending import recommending
from infra.benchmarks.world import World, copy_of
from infra.cli.output import note
from infra.product import ProductConfig, load_config, open_tracking
from infra.serving import free_port

COMMAND = "make bench-serving"
CONCURRENCY, ROUNDS = 64, 3
TEXTS, IMAGES = 600, 200
STARTS = 3


def main(workspace: Path, to: Path, scratch: Path, *only: str) -> int:
    """Measure everything, or `only` some of it, and write the figures; the exit code."""
    claims: list[Claim] = []
    for measure in (start, encoders, contract, recommending):
        if only and measure.__name__ not in only:
            continue
        note(f"{measure.__name__}: {(measure.__doc__ or '').splitlines()[0]}")
        found = measure(copy_of(workspace, scratch / "copy"))
        claims += found
        for line in lines(found):
            note(f"  {line}")
        write_claims(claims, to, keep=bool(only))
    return 0


def start(world: World) -> list[Claim]:
    """Seconds from the command to the first answer of /readyz that says yes."""
    seconds = []
    for _ in range(STARTS):
        with served(world.workspace, world.settings) as service:
            seconds.append(service.seconds_to_ready)
    each = ", ".join(f"{one:.1f}" for one in seconds)
    return [Claim("start to ready, s", statistics.median(seconds), "<= 45", COMMAND, each)]


def encoders(world: World) -> list[Claim]:
    """Texts and pictures a second through HTTP, in a bare loop, and in a plain application."""
    import torch

    from training.space import Space
    from training.tracking.registry import space_folder

    config = load_config(None, world.settings, world.workspace)
    folder = space_folder("champion", open_tracking(config))
    space = Space.load(folder)
    texts = [world.texts[at % len(world.texts)] for at in range(TEXTS)]
    pictures = _pictures(world, config)
    threads = torch.get_num_threads()
    work: dict[str, tuple[list[Any], int, Callable[[Any], Any], Callable[[Any], Any]]] = {
        "texts": (texts, config.serve.text.batch, space.encode_text, lambda text: text),
        "images": (pictures, config.serve.image.batch, space.encode_image, _base64),
    }
    claims = []
    with (
        served(world.workspace, world.settings) as service,
        _plain(folder, config.serve.text.threads) as plain,
    ):
        for name, (raw, batch, encode, written) in work.items():
            asks = [
                Ask(name, "POST", f"/v1/embeddings/{name}", {name: [written(one)]}) for one in raw
            ]
            rates: dict[str, list[float]] = {"bare": [], "service": [], "plain": []}
            for url in (service.url, plain):
                _rate(url, asks[:CONCURRENCY])  # warm
            for _ in range(ROUNDS):
                torch.set_num_threads(getattr(config.serve, name[:-1]).threads)
                begun = time.perf_counter()
                for at in range(0, len(raw), batch):
                    encode(raw[at : at + batch])
                rates["bare"].append(len(raw) / (time.perf_counter() - begun))
                torch.set_num_threads(threads)
                rates["service"].append(_rate(service.url, asks))
                rates["plain"].append(_rate(plain, asks))
            median = {kind: statistics.median(each) for kind, each in rates.items()}
            detail = ", ".join(f"{kind} {rate:.1f}/s" for kind, rate in median.items())
            for baseline, target in (("bare", ">= 0.8"), ("plain", ">= 1.5")):
                claims.append(
                    Claim(
                        f"{name} embedded through HTTP at concurrency {CONCURRENCY}, over "
                        + {"bare": "a bare loop", "plain": "a plain web application"}[baseline],
                        median["service"] / median[baseline],
                        target,
                        COMMAND,
                        detail,
                    )
                )
    return claims


def _rate(url: str, asks: Sequence[Ask]) -> float:
    load, begun = Load(url), time.perf_counter()
    answers = asyncio.run(load.closed_loop(asks, CONCURRENCY))
    seconds = time.perf_counter() - begun
    bad = [one.status for one in answers if not one.good]
    if bad:
        raise RuntimeError(f"{len(bad)} of {len(answers)} requests failed: {bad[:3]}")
    return len(answers) / seconds


def _pictures(world: World, config: ProductConfig) -> list[bytes]:
    from recsys.events.database import Events

    with Events(config.events, world.workspace) as events:
        posts = events.posts(world.posts).values()
        hashes = [post.image_hash for post in posts if post.image_hash]
        found = [picture.data for picture in events.pictures(hashes).values()]
    return list(islice((found[at % len(found)] for at in range(IMAGES)), IMAGES))


def _base64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


@contextmanager
def _plain(folder: Path, threads: int) -> Iterator[str]:
    port = free_port("127.0.0.1")
    command = [sys.executable, "-m", "infra.benchmarks.plain", str(folder), str(port), str(threads)]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                requests.get(f"{url}/readyz", timeout=5).raise_for_status()
                break
            except requests.RequestException:
                if process.poll() is not None:
                    raise RuntimeError("the plain application did not start") from None
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    workspace, to, scratch = map(Path, sys.argv[1:4])
    sys.exit(main(workspace, to, scratch, *sys.argv[4:]))
