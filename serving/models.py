"""Model versions in memory: the one in use and the one before or after it."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from serving.settings import ServingSettings

M = TypeVar("M")
KEPT = 2
"""While a version takes over, requests of both are under way."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class First:
    """The version that replicas load before they are ready.

    Attributes:
        version: of the model.
        folder: its files, looked up and checked by whoever started the service; None, or not there
            on another machine: they are looked up again.
    """

    version: str
    folder: Path | None = None


class Models(Generic[M]):
    """Loads what a deployment needs of a version when it is first asked for.

    Threads may share it: a load holds up only those who ask for the version that is loading.

    Args:
        settings: say where the registry is.
        read: from the folder of a version.
        first: a version that needs no looking up.
    """

    def __init__(
        self, settings: ServingSettings, read: Callable[[Path], M], first: "First | None" = None
    ) -> None:
        self._settings = settings
        self._first = first
        self._read = read
        self._loaded: OrderedDict[str, M] = OrderedDict()
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}

    def __call__(self, version: str) -> M:
        """The model of a version.

        Raises: NotFound if it isn't registered; BadData for a damaged one; Unavailable if the
            registry doesn't answer.
        """
        with self._lock:
            if version in self._loaded:
                self._loaded.move_to_end(version)
                return self._loaded[version]
            loading = self._loading.setdefault(version, threading.Lock())
        with loading:
            with self._lock:
                if version in self._loaded:
                    return self._loaded[version]
            model = self._read(self._folder(version))
            _log.info("model version %s is loaded", version)
            with self._lock:
                self._loaded[version] = model
                self._loading.pop(version, None)
                while len(self._loaded) > KEPT:
                    self._loaded.popitem(last=False)
            return model

    @property
    def versions(self) -> list[str]:
        """In memory now, the last used at the end."""
        with self._lock:
            return list(self._loaded)

    def _folder(self, version: str) -> Path:
        first = self._first
        if first and first.version == version and first.folder and first.folder.is_dir():
            return first.folder  # without the registry, whose client takes seconds to import
        from training.tracking.registry import space_folder
        from training.tracking.server import Tracking

        return space_folder(version, Tracking(self._settings.tracking, self._settings.workspace))
