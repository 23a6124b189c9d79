"""How the index stands to the event database, as figures."""

import time
from dataclasses import fields

from recsys.drift import Drift
from recsys.events.database import Events
from recsys.view import View
from serving.measures import INDEX_COMPARED, INDEX_DRIFT, INDEX_LAG_REACTIONS
from training.recorder import SILENT, Recorder


def tell_index(recorder: Recorder, events: Events, view: View, found: Drift) -> None:
    """Tell what a comparison found, before it is mended, and what the index doesn't know yet.

    Args:
        recorder: is told.
        events: the truth.
        view: of the version in use.
        found: how it differs.
    """
    if recorder is SILENT:  # the count below reads all reactions
        return
    for field in fields(found):
        recorder.set(INDEX_DRIFT, len(getattr(found, field.name)), kind=field.name)
    recorder.set(INDEX_COMPARED, time.time())
    waiting = events.backlog(view.begun).reactions
    if waiting is not None:
        recorder.set(INDEX_LAG_REACTIONS, waiting)
