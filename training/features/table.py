"""Features of all posts: what the cache holds is reused, the rest is encoded and kept."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from training.data.clean import CleanData
from training.encoders.base import Identity
from training.encoders.build import identity_of
from training.encoders.storage import read_record
from training.features.cache import FeatureCache
from training.features.chunks import Chunk, first_rows, image_chunks, text_chunks
from training.features.encoding import EncodingConfig, Source, encoded
from training.modalities import PostFeatures

Progress = Callable[[str, int, int], None]
"""Called with `images` or `texts`, how many are encoded, and how many have to be."""

_KEEP_ROWS = 4096
_KEEP_SECONDS = 10.0


@dataclass(frozen=True)
class FeatureTable:
    """Features of N posts, in the order of `CleanData.posts()`.

    Attributes:
        post_ids: (N,) text.
        user_ids: (N,) text; the authors.
        posts: features on the CPU, as the encoders give them; see `EncoderConfig.levels`.
        computed: contents that were encoded for this.
        reused: contents that the cache held.
    """

    post_ids: np.ndarray
    user_ids: np.ndarray
    posts: PostFeatures
    computed: int
    reused: int


def compute_features(
    data: CleanData,
    image: Source | None,
    text: Source | None,
    cache: Path,
    *,
    progress: Progress | None = None,
    config: EncodingConfig = EncodingConfig(),
) -> FeatureTable:
    """Encode what the cache lacks, and gather the features of all posts.

    Features lie in `cache/<encoder fingerprint>/` by content, so equal contents are encoded once,
    whatever the data set; changed preprocessing or weights start a folder of their own. What is
    encoded is kept every few seconds: an interrupted run loses no more than that.

    Args:
        data: clean posts, readable on every node of the cluster.
        image: the image encoder: a configuration (as before training, whatever its `tuning`) or
            the folder of a saved encoder. None: images are encoded elsewhere, and their features
            have width 0.
        text: the text encoder, likewise.
        cache: folder of all encoders' caches.
        progress: see `Progress`.
        config: what of the cluster may be used.
    Raises: BadData if a content can't be read; BadConfig or Unavailable if an encoder can't be had.
    """
    sources = _sources(image, text)
    posts = data.posts(["post_id", "user_id", "image_hash", "text_hash"])
    hashes = {m: posts[f"{m}_hash"].to_pylist() for m in ("image", "text")}
    caches = {m: _open(cache, m, source) for m, source in sources.items()}
    contents = {m: first_rows(hashes[m]) for m in sources}
    missing = {m: _missing(caches[m], contents[m]) for m in sources}
    chunks = image_chunks(missing.get("image", {}))
    if missing.get("text"):
        rows = list(missing["text"].values())
        chunks += text_chunks(missing["text"], data.posts(["text"])["text"].take(rows).to_pylist())
    if chunks:
        _encode(chunks, data, sources, caches, progress, config)
    tables = {m: caches[m].gather(hashes[m]) for m in sources}
    computed = sum(map(len, missing.values()))
    return FeatureTable(
        post_ids=posts["post_id"].to_numpy().astype(str),
        user_ids=posts["user_id"].to_numpy().astype(str),
        posts=_join(tables, hashes),
        computed=computed,
        reused=sum(map(len, contents.values())) - computed,
    )


def _sources(image: Source | None, text: Source | None) -> dict[str, Source]:
    sources = {"image": image, "text": text}
    return {
        modality: source if isinstance(source, Path) else source.untrained()
        for modality, source in sources.items()
        if source is not None
    }


def _open(cache: Path, modality: str, source: Source) -> FeatureCache:
    if isinstance(source, Path):
        record = read_record(source)
        identity = Identity(record.fingerprint, record.dimension)
    else:
        identity = identity_of(modality, source)
    return FeatureCache(Path(cache) / identity.fingerprint, identity.dimension)


def _missing(cache: FeatureCache, contents: dict[str, int]) -> dict[str, int]:
    hashes = list(contents)
    return {hashes[i]: contents[hashes[i]] for i in cache.missing(hashes)}


def _encode(
    chunks: Sequence[Chunk],
    data: CleanData,
    sources: dict[str, Source],
    caches: dict[str, FeatureCache],
    progress: Progress | None,
    config: EncodingConfig,
) -> None:
    """Encode chunks; keep them as they come, and what has come if this is interrupted."""
    total = {m: sum(len(chunk) for chunk in chunks if chunk.modality == m) for m in sources}
    done = dict.fromkeys(sources, 0)
    fresh: dict[str, list[tuple[list[str], Tensor]]] = {m: [] for m in sources}
    kept_at = time.monotonic()

    def keep() -> None:
        for modality, parts in fresh.items():
            if parts:
                names = [name for hashes, _ in parts for name in hashes]
                caches[modality].append(names, torch.cat([vectors for _, vectors in parts]))
                parts.clear()

    try:
        for chunk, vectors in encoded(chunks, data, sources, config):
            fresh[chunk.modality].append((chunk.hashes, vectors))
            done[chunk.modality] += len(chunk)
            if progress is not None:
                name = f"{chunk.modality}s"
                progress(name, done[chunk.modality], total[chunk.modality])
            waiting = sum(len(names) for parts in fresh.values() for names, _ in parts)
            if waiting >= _KEEP_ROWS or time.monotonic() - kept_at > _KEEP_SECONDS:
                keep()
                kept_at = time.monotonic()
    finally:
        keep()


def _join(
    tables: dict[str, tuple[Tensor, Tensor]], hashes: dict[str, list[str | None]]
) -> PostFeatures:
    for modality, column in hashes.items():
        present = torch.tensor([content is not None for content in column], dtype=torch.bool)
        tables.setdefault(modality, (torch.zeros(len(column), 0), present))
    (image, has_image), (text, has_text) = tables["image"], tables["text"]
    return PostFeatures(image, has_image, text, has_text)
