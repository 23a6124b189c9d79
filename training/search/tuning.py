"""Ray Tune with ASHA: which trial goes on, and which is stopped (Li et al., arXiv 1810.05934)."""

import logging
import os
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from training.search.config import SearchConfig
from training.search.outcome import Outcome, scores_of
from training.search.trial import Order, run_trial

if TYPE_CHECKING:
    from ray.tune.schedulers import AsyncHyperBandScheduler


def run_trials(
    orders: Sequence[Order],
    past: Sequence[Outcome],
    settings: SearchConfig,
    epochs: int,
    begun: Callable[[int], None],
    ended: Callable[[Outcome], None],
) -> None:
    """Run trials side by side until each has ended.

    Args:
        orders: the trials, in the order of their start.
        past: trials that ended before; the others are judged beside them.
        settings: when to stop, and what each may use.
        epochs: the most that a trial has.
        begun: told the number of a trial that starts.
        ended: told what became of a trial.
    """
    from ray import tune

    # files, tables and warnings of its own, beside ours
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    # without those files it warns that there are no metrics; trials keep their own
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.ERROR)
    os.environ.setdefault("TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S", "600")
    resources = {"cpu": settings.cpus_per_trial, "gpu": settings.gpus_per_trial}
    tuner = tune.Tuner(
        tune.with_resources(run_trial, resources),
        param_space={"order": tune.grid_search(list(orders))},
        tune_config=tune.TuneConfig(
            scheduler=_scheduler(past, settings, epochs),
            max_concurrent_trials=settings.parallel or None,
            trial_dirname_creator=lambda trial: trial.trial_id,
            reuse_actors=False,  # what a trial leaves in its process touches no other
        ),
        run_config=tune.RunConfig(
            name=orders[0].token,
            storage_path=str(orders[0].search_folder / "ray"),
            failure_config=tune.FailureConfig(max_failures=settings.max_failures),
            callbacks=[_ended_trials(epochs, begun, ended)],
            verbose=0,
        ),
    )
    tuner.fit()


def _scheduler(
    past: Sequence[Outcome], settings: SearchConfig, epochs: int
) -> "AsyncHyperBandScheduler":
    """ASHA that knows how the trials of before did: Tune itself forgets that at a restart."""
    from ray.tune.schedulers import AsyncHyperBandScheduler

    asha = AsyncHyperBandScheduler(
        time_attr="epoch",
        metric="score",
        mode="max",
        max_t=epochs,
        grace_period=min(settings.grace, epochs),
        reduction_factor=settings.reduction,
    )
    for outcome in past:
        trial: Any = SimpleNamespace(trial_id=f"before-{outcome.number}")
        controller: Any = None  # ASHA looks at the trial's id and result alone
        asha.on_trial_add(controller, trial)
        for epoch, score in enumerate(outcome.scores, start=1):
            asha.on_trial_result(controller, trial, {"epoch": epoch, "score": score})
    return asha


def _ended_trials(
    epochs: int, begun: Callable[[int], None], ended: Callable[[Outcome], None]
) -> Any:
    """Ray Tune's callback that tells ours."""
    from ray.tune import Callback

    class EndedTrials(Callback):
        def __init__(self, epochs, begun, ended):
            self._epochs, self._begun, self._ended = epochs, begun, ended

        def __getstate__(self):  # Tune writes itself down with all that it was given
            return {}

        def on_trial_start(self, iteration, trials, trial, **info):
            self._begun(trial.config["order"].number)

        def on_trial_complete(self, iteration, trials, trial, **info):
            order: Order = trial.config["order"]
            scores = scores_of(order.folder)
            last = (trial.last_result or {}).get("epoch", len(scores))
            scores = scores[:last]  # an epoch that ran on while the trial was stopped
            patience = order.config["loop"]["patience"]
            whole = len(scores) >= self._epochs or _exhausted(scores, patience)
            self._ended(Outcome(order.number, {}, "finished" if whole else "stopped", scores))

        def on_trial_error(self, iteration, trials, trial, **info):
            order: Order = trial.config["order"]
            lines = str(trial.get_pickled_error() or "it died").strip().splitlines()
            error = lines[-1][:300]
            self._ended(Outcome(order.number, {}, "failed", scores_of(order.folder), error))

    return EndedTrials(epochs, begun, ended)


def _exhausted(scores: Sequence[float], patience: int) -> bool:
    return bool(scores) and len(scores) - 1 - scores.index(max(scores)) >= patience
