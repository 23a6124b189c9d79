"""The map of communities, as `commonspace communities` left it with the run of a model."""

import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from recsys.events.database import Events
from serving.settings import ServingSettings

_ARTIFACT = "communities/map.json"
_AGAIN_S = 15.0
"""After which a map that wasn't there is looked for again, and deletions are looked up anew."""


class Maps:
    """Maps by model version; threads may share them.

    Args:
        settings: say where the runs are.
        events: which posts and people there are, and who may be shown.
    """

    def __init__(self, settings: ServingSettings, events: Events) -> None:
        self._settings = settings
        self._events = events
        self._lock = threading.Lock()
        self._version = ""
        self._map: dict[str, Any] | None = None
        self._shown: bytes | None = None
        self._until = 0.0

    def __call__(self, version: str) -> bytes | None:
        """The map of a model version as JSON; None if none was made.

        Posts and people that were deleted or hidden since are not in it. Raises: Unavailable if the
        runs can't be reached.
        """
        with self._lock:
            if version != self._version or time.monotonic() > self._until:
                if version != self._version or self._map is None:
                    self._map = self._load(version)
                self._shown = None if self._map is None else self._visible(self._map)
                self._version, self._until = version, time.monotonic() + _AGAIN_S
            return self._shown

    def _load(self, version: str) -> dict[str, Any] | None:
        from training.tracking.server import Tracking
        from training.tracking.versions import show_model

        tracking = Tracking(self._settings.tracking, self._settings.workspace)
        run = show_model(tracking, version).run_id
        with tempfile.TemporaryDirectory() as folder:

            def download(client: Any) -> dict[str, Any] | None:
                parent = _ARTIFACT.rpartition("/")[0]
                if _ARTIFACT not in [each.path for each in client.list_artifacts(run, parent)]:
                    return None
                path = client.download_artifacts(run, _ARTIFACT, folder)
                return json.loads(Path(path).read_text(encoding="utf-8"))

            return tracking.call(download)

    def _visible(self, whole: dict[str, Any]) -> bytes:
        public = self._events.visibility()
        people = set(self._events.people())

        def may_show(kind: str, id: str) -> bool:
            return id in people if kind == "person" else public.get(id, False)

        shown = {
            **whole,
            "points": [point for point in whole["points"] if may_show(point[0], point[1])],
            "communities": [
                {
                    **group,
                    "people": [who for who in group["people"] if who in people],
                    "posts": [post for post in group["posts"] if public.get(post[0], False)],
                }
                for group in whole["communities"]
            ],
        }
        return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode()
