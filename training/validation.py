"""After each epoch: held-out posts are scored, and the best weights so far are kept."""

from dataclasses import replace

from training.acceleration.sharding import is_sharded, towers_whole
from training.distributed import from_first, rank
from training.embedding import embed_split
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.selection import selection_score
from training.examples import Examples
from training.sampling import EvaluationConfig, sample
from training.state import State


def validate(state: State, examples: Examples, config: EvaluationConfig) -> dict[str, float]:
    """Worker 0 scores the averaged weights; all workers learn whether they are the best.

    Where weights or tables are sharded, the other workers hand worker 0 their shares.

    Args:
        state: its progress goes on by an epoch.
        examples: with the features that the epoch ended with.
        config: how many people and posts are judged.
    Returns: metrics at worker 0, nothing at the others.
    """
    metrics: dict[str, float] = {}
    best = state.progress.best_score
    improved = 0
    embedded, part, chosen, people = None, None, examples, None
    if rank() == 0:
        part = sample(examples, config, ["validation"])
        chosen, people = (part.examples, part.people) if part else (examples, None)
    if rank() == 0 or state.tables or is_sharded(state.objective):
        space, whitened = state.objective.space, not state.objective.encoders
        with state.averaged(), towers_whole(state.objective):
            if rank() == 0:
                embedded = embed_split(space, chosen, "validation", people, whitened=whitened)
    if embedded is not None:
        retrieval = evaluate_retrieval(embedded)
        score = selection_score(retrieval)
        metrics = {
            f"validation/{direction}": values[Direction(direction).headline]
            for direction, values in retrieval.items()
        }
        metrics["validation/score"] = score
        if part is not None:  # not to be compared with scores among all
            metrics["validation/people"] = len(chosen.users)
            metrics["validation/posts"] = len(embedded)
        improved = int(best is None or score > best)
        best = max(score, best) if best is not None else score
    epoch = state.progress.epoch + 1
    progress = replace(state.progress, epoch=epoch, batch=0, losses={}, best_score=best)
    if from_first(improved):
        state.keep_best()
        progress = replace(progress, best_epoch=epoch)
    state.progress = progress
    return metrics
