"""Where data comes from: one interface over local paths and URIs, files in order, fingerprints."""

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from pyarrow import fs

from training.errors import BadConfig, BadData

_CONTENT_LIMIT = 1 << 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        source: the path or URI that it was found at; `open_filesystem` takes it.
        path: on that filesystem. (A URI of its own would have to be quoted, each kind differently.)
        name: its path below the source, for people; the file's own name if the source is a file.
        size: bytes.
        modified: nanoseconds since 1970; 0 where the filesystem doesn't say.
    """

    source: str
    path: str
    name: str
    size: int
    modified: int

    def __str__(self) -> str:
        return self.path

    @contextmanager
    def open_stream(self) -> Iterator[pa.NativeFile]:
        """Its bytes in order, unpacked if its name ends in .gz, .bz2 or .zst. Raises: BadData."""
        filesystem, _ = open_filesystem(self.source)  # an archive closes its files when it goes
        with _opened(filesystem.open_input_stream, self.path) as stream:
            yield stream

    @contextmanager
    def open_file(self) -> Iterator[pa.NativeFile]:
        """Its bytes at any offset. Raises: BadData."""
        filesystem, _ = open_filesystem(self.source)
        with _opened(filesystem.open_input_file, self.path) as file:
            yield file


def _opened(opener: Callable[[str], pa.NativeFile], path: str) -> pa.NativeFile:
    try:
        return opener(path)
    except OSError as error:
        raise BadData(f"{path} can't be opened: {error}") from None


def open_filesystem(uri: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of a local path or URI, and the path on it.

    pyarrow's own filesystems come first (they need no extra package); fsspec's take the rest,
    chained URIs such as `zip://posts.csv::s3://bucket/dump.zip` among them.

    Raises: BadConfig if nothing reads such a URI, or if it must not be read.
    """
    try:
        uri.encode()
    except UnicodeEncodeError as error:  # a local name in another encoding
        raise _not_utf8(error.object) from None
    scheme = uri.split("://", 1)[0].lower() if "://" in uri else ""
    if not scheme:
        return fs.LocalFileSystem(), os.path.abspath(os.path.expanduser(uri))
    if scheme in ("http", "https", "ftp"):
        raise BadConfig(f"{uri} is not read over {scheme}", hint="download it and give its path")
    if scheme == "memory":
        raise BadConfig(
            f"{uri} lives in this process only, and Ray reads in others",
            hint="write it to a file first",
        )
    if "::" in uri:
        return _open_with_fsspec(uri)
    try:
        return _open_with_pyarrow(uri)
    except (ValueError, NotImplementedError) as error:
        # pyarrow doesn't tell a scheme that isn't its own from a mistake in one that is
        return _open_with_fsspec(uri, refusal=str(error))
    except OSError as error:
        raise BadData(f"{uri} can't be reached: {error}") from None


@lru_cache(maxsize=16)  # a client of a cloud asks it for the bucket's region when it is made
def _open_with_pyarrow(uri: str) -> tuple[fs.FileSystem, str]:
    return fs.FileSystem.from_uri(uri)


def _open_with_fsspec(uri: str, refusal: str = "") -> tuple[fs.FileSystem, str]:
    """Open what pyarrow doesn't; `refusal` is what that said, if it was asked."""
    import fsspec

    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
    except ImportError as error:
        if refusal:
            raise BadConfig(
                f"{uri} can't be opened: {refusal}",
                hint=f"correct it; or, if it is right, add what reads it: {error}",
            ) from None
        raise BadConfig(f"{uri} needs a package: {error}") from None
    except (ValueError, OSError) as error:
        raise BadConfig(f"{uri} can't be opened: {error}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path


def list_files(uri: str, suffixes: Iterable[str] | None = None) -> list[SourceFile]:
    """The files of a source, sorted by path.

    Args:
        uri: a file, or a folder that is walked to its leaves.
        suffixes: endings of names to keep, in lower case; hidden files and markers (`_SUCCESS`)
            are then left out. All files if None.
    Raises: BadData if there is nothing there, or nothing with such an ending.
    """
    filesystem, path = open_filesystem(uri)
    found = _found(uri, filesystem, path)
    if found.type == fs.FileType.File:
        return [_source_file(uri, found, posixpath.basename(found.path))]
    try:
        infos = entries(filesystem, path, recursive=True)
    except OSError as error:
        raise BadData(f"{uri} can't be listed: {error}") from None
    files = [
        _source_file(uri, info, posixpath.relpath(info.path, path or "."))
        for info in infos
        if info.type == fs.FileType.File
    ]
    if suffixes is not None:
        endings = tuple(suffixes)
        files = [
            file
            for file in files
            if file.name.lower().endswith(endings) and not _is_hidden(file.name)
        ]
    if not files:
        raise BadData(f"{uri} holds no files" + (" of a known format" if suffixes else ""))
    return sorted(files, key=lambda file: file.name)


def require(uri: str) -> fs.FileInfo:
    """What is at a place, a file or a folder. Raises: BadData if neither is there."""
    return _found(uri, *open_filesystem(uri))


def _found(uri: str, filesystem: fs.FileSystem, path: str) -> fs.FileInfo:
    try:
        found = filesystem.get_file_info(path)
    except OSError as error:
        raise BadData(f"{uri} can't be listed: {error}") from None
    if found.type not in (fs.FileType.File, fs.FileType.Directory):
        raise BadData(f"{uri} does not exist or is not a file or folder")
    return found


def entries(
    filesystem: fs.FileSystem, folder: str, *, recursive: bool = False
) -> list[fs.FileInfo]:
    """What is in a folder. Raises: BadConfig if a name is not UTF-8: pyarrow can't pass it on."""
    found = filesystem.get_file_info(fs.FileSelector(folder, recursive=recursive))
    try:
        for info in found:
            info.path  # noqa: B018 - decodes
    except UnicodeDecodeError as error:
        raise _not_utf8(os.fsdecode(error.object)) from None
    return found


def _not_utf8(name: str) -> BadConfig:
    return BadConfig(f"the file name {name!r} is not UTF-8", hint="rename the file")


def _source_file(source: str, info: fs.FileInfo, name: str) -> SourceFile:
    return SourceFile(
        source=source,
        path=info.path,
        name=name,
        size=info.size or 0,
        modified=info.mtime_ns or 0,
    )


def below(uri: str, relative: str) -> str:
    """The URI of a path below a folder's; the rest of a chain and a query stay where they are."""
    head, chain, rest = uri.partition("::")
    head, question, query = head.partition("?") if "://" in head else (head, "", "")
    return f"{head.rstrip('/')}/{relative}{question}{query}{chain}{rest}"


def _is_hidden(relative: str) -> bool:
    return any(part.startswith((".", "_")) for part in relative.split("/"))


def fingerprint(files: Iterable[SourceFile]) -> list[str]:
    """What tells one state of these files from another, for each: by content where that is cheap.

    Local files are hashed until `1 GiB` was read; beyond it, and on other filesystems, size and
    time of change stand for the content.
    """
    marks, budget = [], _CONTENT_LIMIT
    for file in files:
        is_local = isinstance(open_filesystem(file.source)[0], fs.LocalFileSystem)
        if is_local and file.size <= budget:
            budget -= file.size
            marks.append(f"content:{_hash_file(Path(file.path))}")
        else:
            marks.append(f"changed:{file.size}:{file.modified}")
    return marks


def _hash_file(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
