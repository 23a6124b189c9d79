"""Images that a row names by path: found inside the image folder, or not read at all."""

import os
import posixpath

from pyarrow import fs

from training.data.config import ImageLimits
from training.data.quarantine import BadField, Reason
from training.data.sources import open_filesystem

_WEB = ("http", "https", "ftp", "ftps", "data")


class ImageFolder:
    """Reads images below one folder of any filesystem.

    A row is written by strangers, so its path must not reach other files of this machine, nor make
    it send requests: no `..`, no way out through a symbolic link, no URL.
    """

    def __init__(self, uri: str, limits: ImageLimits) -> None:
        self._uri = uri.rstrip("/")
        self._limits = limits
        self._filesystem, root = open_filesystem(uri)
        self._is_local = isinstance(self._filesystem, fs.LocalFileSystem)
        self._root = os.path.realpath(root) if self._is_local else root.rstrip("/")

    def read(self, path: str) -> bytes:
        """The bytes of an image, by its path below the folder, or by a full path or URI inside it.

        Raises: BadField if it lies outside, isn't there, is no plain file, or is too large.
        """
        inside = self._resolve(path)
        try:
            info = self._filesystem.get_file_info(inside)
            if info.type != fs.FileType.File:  # a pipe or device would block for ever
                raise BadField(Reason.IMAGE_NOT_FOUND, path[:200])
            if info.size is not None and info.size > self._limits.max_bytes:
                detail = f"{info.size} bytes, at most {self._limits.max_bytes}"
                raise BadField(Reason.IMAGE_TOO_LARGE, detail)
            with self._filesystem.open_input_stream(inside, compression=None) as stream:
                return stream.read(self._limits.max_bytes + 1)
        except (OSError, ValueError) as error:
            raise BadField(Reason.IMAGE_NOT_FOUND, f"{path[:200]}: {error}"[:400]) from None

    def _resolve(self, path: str) -> str:
        if "\0" in path:
            raise BadField(Reason.IMAGE_NOT_FOUND, "the path holds a NUL")
        scheme, colon, _ = path.partition(":")
        if colon and scheme.lower() in _WEB:
            raise BadField(Reason.IMAGE_URL, path[:200])
        relative = self._relative(path)
        if ".." in relative.split("/"):
            raise BadField(Reason.IMAGE_OUTSIDE, path[:200])
        joined = posixpath.join(self._root, posixpath.normpath(relative))
        if not self._is_local:
            return joined
        real = os.path.realpath(joined)
        if os.path.commonpath([real, self._root]) != self._root:
            raise BadField(Reason.IMAGE_OUTSIDE, path[:200])
        return real

    def _relative(self, path: str) -> str:
        """What of a path lies below the folder; full paths and URIs must begin with the folder."""
        full = "://" in path or path.startswith("/")
        if not full:
            return path
        for start in (self._uri, self._root):
            if path.startswith(f"{start}/"):
                return path[len(start) + 1 :]
        raise BadField(Reason.IMAGE_OUTSIDE, path[:200])
