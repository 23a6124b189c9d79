"""Features of all posts: what the cache holds is reused, the rest is encoded and kept."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
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
"""Called with `images` or `texts`, how many are encoded, and how many are known to have to be."""

_KEEP_ROWS = 4096
_KEEP_SECONDS = 10.0
_WINDOW = 1 << 17
"""Posts whose missing contents are looked for and encoded in one go."""


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
    hashes = {m: data.content_hashes(f"{m}_hash") for m in ("image", "text")}
    caches = {m: _open(cache, m, source) for m, source in sources.items()}
    counted = _Counted(progress)
    for window in _windows(data, list(sources)):
        missing = {m: _missing(caches[m], first_rows(window.hashes[m])) for m in sources}
        chunks = image_chunks(_placed(missing.get("image", {}), window.start))
        if missing.get("text"):
            texts = window.texts(list(missing["text"].values()))
            chunks += text_chunks(_placed(missing["text"], window.start), texts)
        if chunks:
            _encode(chunks, data, sources, caches, counted, config)
    tables = {m: caches[m].gather_packed(*hashes[m]) for m in sources}
    computed = sum(counted.done.values())
    return FeatureTable(
        post_ids=data.ids("post_id"),
        user_ids=data.ids("user_id"),
        posts=_join(tables, {m: present for m, (_, present) in hashes.items()}),
        computed=computed,
        reused=sum(_distinct(*hashes[m]) for m in sources) - computed,
    )


@dataclass(frozen=True)
class _Window:
    """Some consecutive posts.

    Attributes:
        start: row of the first.
        hashes: of their contents, by modality.
        posts: the same and, if they may be asked for, the texts.
    """

    start: int
    hashes: dict[str, list[str | None]]
    posts: pa.Table

    def texts(self, rows: list[int]) -> list[str]:
        """Of rows of the window."""
        return self.posts["text"].take(pa.array(rows)).to_pylist()


class _Counted:
    """How many contents are encoded, and how many are known to have to be."""

    def __init__(self, progress: Progress | None) -> None:
        self.done: Counter[str] = Counter()
        self.total: Counter[str] = Counter()
        self._progress = progress

    def advance(self, modality: str, count: int) -> None:
        """So many more are encoded."""
        self.done[modality] += count
        if self._progress is not None:
            self._progress(f"{modality}s", self.done[modality], self.total[modality])


def _windows(data: CleanData, modalities: list[str]) -> Iterator[_Window]:
    """All posts, some at a time: what is missing of a window is in memory, with its texts."""
    columns = [f"{modality}_hash" for modality in modalities]
    columns += ["text"] if "text" in modalities else []
    start, waiting, count = 0, [], 0
    for batch in data.batches("posts", columns):
        waiting.append(batch)
        count += len(batch)
        if count >= _WINDOW:
            yield _window(start, waiting, modalities)
            start, waiting, count = start + count, [], 0
    if waiting:
        yield _window(start, waiting, modalities)


def _window(start: int, batches: list[pa.RecordBatch], modalities: list[str]) -> _Window:
    posts = pa.Table.from_batches(batches)
    hashes = {m: posts[f"{m}_hash"].to_pylist() for m in modalities}
    return _Window(start, hashes, posts)


def _placed(contents: dict[str, int], start: int) -> dict[str, int]:
    """Rows of a window as rows of all posts."""
    return {content: start + row for content, row in contents.items()}


def _distinct(packed: np.ndarray, present: np.ndarray) -> int:
    """How many different contents there are, by half of their hashes."""
    return len(np.unique(np.ascontiguousarray(packed[present]).view(np.uint64)[:, 0]))


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
    counted: _Counted,
    config: EncodingConfig,
) -> None:
    """Encode chunks; keep them as they come, and what has come if this is interrupted."""
    for chunk in chunks:
        counted.total[chunk.modality] += len(chunk)
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
            counted.advance(chunk.modality, len(chunk))
            waiting = sum(len(names) for parts in fresh.values() for names, _ in parts)
            if waiting >= _KEEP_ROWS or time.monotonic() - kept_at > _KEEP_SECONDS:
                keep()
                kept_at = time.monotonic()
    finally:
        keep()


def _join(tables: dict[str, Tensor], present: dict[str, np.ndarray]) -> PostFeatures:
    for modality, there in present.items():
        tables.setdefault(modality, torch.zeros(len(there), 0))
    has_image, has_text = (torch.from_numpy(present[m]) for m in ("image", "text"))
    return PostFeatures(tables["image"], has_image, tables["text"], has_text)
