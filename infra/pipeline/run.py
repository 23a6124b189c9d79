"""`run_pipeline`: find out whether there is anything to do, and go on where a run stopped.

A run is bound to its key: the digest of the clean data and of the settings that make a model. Each
step's result is on disk before the next begins, so that a run may be killed at any point; the same
call goes on. There is one pipeline a workspace at a time.
"""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from infra.forgetting import bring_list
from infra.pipeline.record import Done, Outcome, Record, Records, Step, now
from infra.pipeline.steps import ACTIONS, REFUSED, Context
from infra.product import ProductConfig, open_tracking, services
from training.errors import Conflict
from training.observer import SILENT, Observer

if TYPE_CHECKING:
    from training.data.clean import CleanData
    from training.tracking.server import Tracking

_NO_MODEL = ("scaling", "tracking")
"""Parts of a training's settings that another model does not follow from."""
_ACCEPTABLE = (Step.VALIDATE, Step.DRIFT, Step.GATE)


@dataclass(frozen=True)
class Finished:
    """What a call came to.

    Attributes:
        record: of the run that ended, now or earlier.
        nothing: whether there was nothing to do.
    """

    record: Record
    nothing: bool = False

    @property
    def refused(self) -> bool:
        """Whether this call ended in a refusal; an old one, repeated, is nothing to do."""
        return not self.nothing and self.record.outcome is Outcome.REFUSED


def run_pipeline(
    config: ProductConfig,
    *,
    name: str | None = None,
    force: bool = False,
    accept: bool = False,
    observer: Observer = SILENT,
    after: Callable[[Step], None] = lambda step: None,
    ray: Callable[[ProductConfig], AbstractContextManager[None]] = services,
) -> Finished:
    """Bring a new model into use, if the data or the settings are new and it is better.

    Args:
        config: of the product.
        name: of a new run; made from the time if left out.
        force: begin a new run though there is nothing new, or an older one was cut short.
        accept: go on though a check refuses the data, or a direction that became worse; also takes
            up a run that was refused for that. Never makes a champion of a model that the gate
            finds no better.
        observer: sees the progress.
        after: called when a step's result is on disk.
        ray: what the steps run on.
    Raises: Conflict if another pipeline runs, or the name is taken; BadData if the data can't be
        used at all; as the steps. All of them may be repeated.
    """
    from training.data.prepare import prepare

    records = Records(config.workspace)
    with records.locked(), ExitStack() as stack:
        stack.enter_context(ray(config))  # cleaning new data needs it, too
        bring_list(config)  # whoever was forgotten is in no data of this run
        observer.stage("Reading and checking the posts")
        data = prepare(config.data, config.split, config.workspace, progress=observer.advance)
        tracking = open_tracking(config)
        record, nothing = _choose(config, records, data, tracking, name, force, accept)
        if nothing:
            return Finished(record, nothing=True)
        while (step := record.next_step) is not None:
            context = Context(config, record, records, data, tracking, observer)
            record = records.save(_taken(step, context))
            after(step)
        return Finished(record)


def _taken(step: Step, context: Context) -> Record:
    """The record after a step: with its result, and with an outcome if it was the last."""
    begun = time.monotonic()
    result = ACTIONS[step](context)
    record = context.record
    done = Done(finished=now(), seconds=round(time.monotonic() - begun, 1), result=result)
    record = record.model_copy(update={"steps": record.steps | {step: done}})
    reasons = result.get(REFUSED, [])
    if reasons and not (record.accepted and step in (Step.VALIDATE, Step.DRIFT)):
        return _ended(record, context.tracking, Outcome.REFUSED, "; ".join(reasons))
    if step is Step.SWITCH:
        reason = record.result(Step.GATE)["reason"]
        return _ended(record, context.tracking, Outcome.PROMOTED, reason)
    return record


def _ended(record: Record, tracking: "Tracking", outcome: Outcome, reason: str) -> Record:
    changes = {
        "outcome": outcome,
        "reason": reason,
        "champion_after": _champion(tracking),
        "ended": now(),
    }
    return record.model_copy(update=changes)


def _choose(
    config: ProductConfig,
    records: Records,
    data: "CleanData",
    tracking: "Tracking",
    name: str | None,
    force: bool,
    accept: bool,
) -> tuple[Record, bool]:
    """The record to go on with, and whether there is nothing to do."""
    key = key_of(config, data.manifest.digest)
    all_of_them, champion = records.all(), _champion(tracking)
    latest = next(
        (r for r in all_of_them if r.key == key and r.outcome is not Outcome.SUPERSEDED), None
    )
    if latest is not None and not force:
        if latest.outcome is None:
            return records.save(
                latest.model_copy(update={"accepted": latest.accepted or accept})
            ), (False)
        if accept and (reopened := _reopened(latest)):
            return records.save(reopened), False
        if latest.champion_after == champion:
            return latest, True
    fresh = name or datetime.now(UTC).strftime("pipeline-%Y%m%d-%H%M%S-%f")[:-3]
    if any(record.name == fresh for record in all_of_them) or records.of(fresh).exists():
        raise Conflict(f"there was a pipeline {fresh!r} already", hint="give another --name")
    for old in all_of_them:  # cut short, and nobody will go on with them
        if old.outcome is None:
            why = "was begun anew" if old.key == key else "began with other data or settings"
            reason = f"{fresh} {why}"
            records.save(_ended(old, tracking, Outcome.SUPERSEDED, reason))
    record = Record(
        name=fresh,
        key=key,
        data_digest=data.manifest.digest,
        started=now(),
        champion_before=champion,
        accepted=accept,
    )
    return records.save(record), False


def can_be_accepted(record: Record) -> bool:
    """Whether a run was refused by what a person may overrule with `accept`.

    Not by the gate itself, which found the model no better: that takes a promotion by hand.
    """
    last = list(record.steps)[-1] if record.steps else None
    if record.outcome is not Outcome.REFUSED or last not in _ACCEPTABLE:
        return False
    return not (last is Step.GATE and "reason" in record.result(Step.GATE))


def _reopened(record: Record) -> Record | None:
    """A refused run, as it was before the step whose reasons a person has accepted."""
    if not can_be_accepted(record):
        return None
    last = list(record.steps)[-1]
    steps = {step: done for step, done in record.steps.items() if step is not last}
    changes = {"accepted": True, "steps": steps, "outcome": None, "reason": "", "ended": None}
    return record.model_copy(update=changes | {"champion_after": None})


def key_of(config: ProductConfig, data_digest: str) -> str:
    """What a model follows from: 16 hexadecimal digits of data and settings."""
    run = config.run().model_dump(mode="json")
    settings = {part: value for part, value in run.items() if part not in (*_NO_MODEL, "data")}
    text = json.dumps([data_digest, settings], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _champion(tracking: "Tracking") -> int | None:
    from training.tracking.gate import champion_of

    champion = champion_of(tracking)
    return champion.version if champion else None
