"""Who is champion: a candidate that measures better on the same posts, or a person's decision.

The alias `champion` is what everybody loads. It moves only here. MLflow has no compare-and-set on
aliases: a gate reads the alias again right before it moves it, and starts over if it has changed,
so two gates can only collide in the time of one request. Then the later one wins, though it was
compared with the champion before; its tag `gate.reason` tells with which, and `rollback` undoes it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.errors import BadData, CommonspaceError, Conflict, NotFound
from training.tracking.config import GateConfig
from training.tracking.metrics_log import metric_name
from training.tracking.server import Tracking
from training.tracking.versions import (
    CHAMPION,
    DECISION_TAG,
    PREVIOUS_TAG,
    REASON_TAG,
    ModelVersion,
    list_models,
    show_model,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

PROMOTED, KEPT, ROLLED_BACK = "promoted", "kept", "rolled back"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Decision:
    """What became of a candidate, and why.

    Attributes:
        promoted: whether it is champion now.
        version: the candidate.
        champion: the version it was compared with; None if there was none.
        score: of the candidate.
        champion_score: on the same posts; None if it wasn't or couldn't be compared.
        reason: one sentence, stored as a tag of the version.
    """

    promoted: bool
    version: int
    champion: int | None
    score: float
    champion_score: float | None
    reason: str


def consider(
    tracking: Tracking,
    version: int,
    *,
    evaluate_champion: Callable[[str], float] | None = None,
) -> Decision:
    """Make a version champion if it beats the present one; else leave everything as it is.

    Scores are compared as they were registered if both were measured on the same data and split.
    Otherwise the champion is measured again.

    Args:
        tracking: the registry; `tracking.config.gate` says what "beats" means.
        version: the candidate.
        evaluate_champion: takes `models:/<name>/<version>` and returns the gate's metric of that
            model on the candidate's split of the candidate's data. Without it, or if it raises one
            of our errors, a champion from other data stays.

    Raises:
        NotFound: no such version.
        BadData: the candidate was registered without the gate's metric.
        Conflict: the champion changed again and again while this compared.
    """
    gate = tracking.config.gate
    metric = metric_name(gate.metric)
    scored: dict[int, float | str] = {}
    for _ in range(_ATTEMPTS):
        candidate = show_model(tracking, version)
        if metric not in candidate.metrics:
            raise BadData(
                f"version {version} was registered without {metric!r}, which the gate compares",
                hint=f"it has {', '.join(sorted(candidate.metrics)) or 'no metrics'}",
            )
        champion = champion_of(tracking)
        if champion and champion.version not in scored:
            scored[champion.version] = _score(tracking, champion, candidate, evaluate_champion)
        other = scored[champion.version] if champion else None
        decision = decide(gate, candidate, champion, other)
        if not decision.promoted or _move(tracking, candidate, champion, decision.reason):
            # A champion that is asked about again keeps its verdict; so does what was rolled back.
            if decision.champion != version and candidate.decision != ROLLED_BACK:
                _note(tracking, decision)
            return decision
    raise _contested(tracking)


def decide(
    gate: GateConfig,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    champion_score: float | str | None,
) -> Decision:
    """The rule alone.

    Args:
        gate: metric, direction, least improvement.
        candidate: with the gate's metric among its metrics.
        champion: the present one.
        champion_score: its metric on the candidate's posts, or why there is none.
    """
    score = candidate.metrics[metric_name(gate.metric)]
    other = champion_score if isinstance(champion_score, float) else None

    def verdict(promoted: bool, reason: str) -> Decision:
        number = champion.version if champion else None
        return Decision(promoted, candidate.version, number, score, other, reason)

    if champion and champion.version == candidate.version:
        return verdict(False, "it is the champion already")
    if candidate.decision == ROLLED_BACK:  # a resumed run asks again; a person has decided since
        return verdict(False, "it was rolled back; only `promote` makes it champion again")
    if not math.isfinite(score):
        return verdict(False, f"{gate.metric} is {score}")
    if champion is None:
        return verdict(True, f"the first champion, {gate.metric} {score:.6g}")
    name = f"champion version {champion.version}"
    if other is None:
        return verdict(False, f"{name} could not be compared: {champion_score}")
    if not math.isfinite(other):
        return verdict(False, f"{name} could not be compared: its {gate.metric} is {other}")
    gain = score - other if gate.larger_is_better else other - score
    figures = f"{gate.metric} {score:.6g} against {other:.6g} of {name}"
    if gain <= 0:
        return verdict(False, f"not better: {figures}")
    if gain < gate.minimum_improvement:
        return verdict(False, f"better by less than {gate.minimum_improvement:g}: {figures}")
    return verdict(True, f"better: {figures}")


def refuse(tracking: Tracking, version: int, reason: str) -> None:
    """Note on a version why it did not even come to be compared; the champion stays.

    Raises: NotFound. A version that is champion, was one or was promoted by hand keeps its tags.
    """
    model = show_model(tracking, version)
    if model.decision in (None, KEPT):
        _tag(tracking, version, {DECISION_TAG: KEPT, REASON_TAG: reason})


def champion_of(tracking: Tracking) -> ModelVersion | None:
    """The present champion; None if there is none."""
    return next((each for each in list_models(tracking) if CHAMPION in each.aliases), None)


def promote(tracking: Tracking, version: int, *, reason: str) -> ModelVersion:
    """Make a version champion by hand, whatever its metrics.

    Returns: the version as it is now.
    Raises: NotFound listing the versions; BadData without a reason.
    """
    if not reason.strip():
        raise BadData("a promotion by hand needs a reason")
    for _ in range(_ATTEMPTS):
        model, champion = show_model(tracking, version), champion_of(tracking)
        if champion and champion.version == model.version:
            return model
        if _move(tracking, model, champion, f"by hand: {reason.strip()}"):
            return show_model(tracking, version)
    raise _contested(tracking)


def rollback(tracking: Tracking, *, reason: str = "rollback") -> ModelVersion:
    """Make the version champion that the present champion replaced; again for the one before.

    Returns: the champion as it is now.
    Raises: NotFound if there is no champion, or its predecessor was deleted; Conflict if it never
        replaced one.
    """
    champion = champion_of(tracking)
    if champion is None:
        raise NotFound(f"{tracking.config.registered_model!r} has no champion to roll back")
    if champion.previous is None:
        raise Conflict(
            f"version {champion.version} is the first champion; there is none before it",
            hint="choose one: commonspace models promote VERSION --reason WHY",
        )
    previous = show_model(tracking, champion.previous)
    # The predecessor keeps its own `previous`, so one can go back further. Tag first: see `_move`.
    _tag(tracking, champion.version, {DECISION_TAG: ROLLED_BACK, REASON_TAG: reason})
    name = tracking.config.registered_model
    tracking.call(
        lambda client: client.set_registered_model_alias(name, CHAMPION, str(previous.version))
    )
    return show_model(tracking, previous.version)


def _score(
    tracking: Tracking,
    champion: ModelVersion,
    candidate: ModelVersion,
    evaluate: Callable[[str], float] | None,
) -> float | str:
    """The champion's metric on the candidate's posts, or why there is none."""
    metric = metric_name(tracking.config.gate.metric)
    same = (champion.data_digest, champion.split) == (candidate.data_digest, candidate.split)
    if champion.version == candidate.version or (same and metric in champion.metrics):
        return champion.metrics.get(metric, math.nan)
    what = f"it was registered without {metric}" if same else "it was measured on other data"
    if evaluate is None:
        return f"{what}, and was not measured again"
    try:
        return float(evaluate(f"models:/{tracking.config.registered_model}/{champion.version}"))
    except CommonspaceError as error:
        return f"{what}, and measuring it again failed: {error}"


def _move(
    tracking: Tracking, candidate: ModelVersion, champion: ModelVersion | None, reason: str
) -> bool:
    """Move the alias, unless it has moved since `champion` was read; whether it was moved.

    Tags go first: killed in between, the champion is still the old one and nothing is forgotten.
    """
    name = tracking.config.registered_model
    number, version = champion.version if champion else None, str(candidate.version)
    previous = {PREVIOUS_TAG: str(number)} if number is not None else {}
    _tag(tracking, candidate.version, {DECISION_TAG: PROMOTED, REASON_TAG: reason, **previous})

    def move(client: "MlflowClient") -> bool:
        present = client.get_registered_model(name).aliases.get(CHAMPION)
        if str(present) != str(number):  # MLflow gives it as a number or as text
            return False
        client.set_registered_model_alias(name, CHAMPION, version)
        return True

    moved = tracking.call(move)
    if not moved and previous:
        tracking.call(lambda client: client.delete_model_version_tag(name, version, PREVIOUS_TAG))
    return moved


def _note(tracking: Tracking, decision: Decision) -> None:
    tags = {
        DECISION_TAG: PROMOTED if decision.promoted else KEPT,
        REASON_TAG: decision.reason,
        "gate.score": repr(decision.score),
    }
    if decision.champion is not None:
        tags["gate.champion"] = str(decision.champion)
    if decision.champion_score is not None:
        tags["gate.champion_score"] = repr(decision.champion_score)
    _tag(tracking, decision.version, tags)


def _tag(tracking: Tracking, version: int, tags: Mapping[str, str]) -> None:
    name = tracking.config.registered_model

    def set_all(client: "MlflowClient") -> None:
        for key, value in tags.items():
            client.set_model_version_tag(name, str(version), key, value[:4000])

    tracking.call(set_all)


def _contested(tracking: Tracking) -> Conflict:
    return Conflict(
        f"the champion of {tracking.config.registered_model!r} keeps changing",
        hint="other trainings are promoting; try again",
    )
