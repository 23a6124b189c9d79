"""Trials as Ray tasks, one processor each, so that a machine or a cluster is kept busy."""

from collections.abc import Sequence

from training.benchmark.recipe import Recipe
from training.benchmark.store import Store
from training.benchmark.trial import Outcome, Trial, run_trial
from training.examples import Examples
from training.observer import SILENT, Observer

RETRIES = 2
"""Of a task whose worker died; trials are pure."""


def run_trials(
    trials: Sequence[Trial],
    examples: Examples,
    recipe: Recipe,
    store: Store,
    observer: Observer = SILENT,
) -> list[Outcome]:
    """Outcomes of all trials, in their order; what earlier runs did not leave is done now.

    A finished trial is kept at once, so that an interruption loses only what runs at that moment.

    Args:
        trials: in the order in which they should start.
        examples: posts, people, splits.
        recipe: common to all.
        store: of outcomes.
        observer: sees how many are done.
    """
    import ray

    outcomes = {
        number: kept
        for number, trial in enumerate(trials)
        if (kept := store.load(trial)) is not None
    }
    done = len(outcomes)
    if done:
        observer.note(f"{done} of {len(trials)} trials are kept from an earlier run")
    shared = ray.put(examples)
    work = ray.remote(num_cpus=1, max_retries=RETRIES)(_work)
    running = {
        work.remote(trial, shared, recipe): number
        for number, trial in enumerate(trials)
        if number not in outcomes
    }
    while running:
        (ready, *_), _ = ray.wait(list(running), num_returns=1)
        number = running.pop(ready)
        outcomes[number] = ray.get(ready)
        store.save(trials[number], outcomes[number])
        done += 1
        observer.advance("trials", done, len(trials))
    return [outcomes[number] for number in range(len(trials))]


def _work(trial: Trial, examples: Examples, recipe: Recipe) -> Outcome:
    import torch

    torch.set_num_threads(1)  # as many trials as processors run side by side
    return run_trial(trial, examples, recipe)
