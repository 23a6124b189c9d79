"""How good an epoch was, and whether it was the best so far."""

from dataclasses import replace

from training.acceleration.sharding import is_sharded, towers_whole
from training.distributed import from_first, rank
from training.embedding import embed_split
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import evaluate_retrieval
from training.evaluation.selection import selection_score
from training.examples import Examples
from training.loop_config import LoopConfig
from training.sampling import sample
from training.state import State


def validate(state: State, examples: Examples, epoch: int, config: LoopConfig) -> dict[str, float]:
    """Worker 0 scores the validation split; all workers learn whether it is the best.

    Where weights are sharded, all workers hand worker 0 theirs.
    """
    metrics: dict[str, float] = {}
    best = state.progress.best_score
    improved = 0
    embedded = None
    part = sample(examples, config.validation, ["validation"])
    chosen, people = (part.examples, part.people) if part else (examples, None)
    if rank() == 0 or is_sharded(state.objective) or state.tables:
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
    progress = replace(state.progress, epoch=epoch + 1, batch=0, losses={}, best_score=best)
    if from_first(improved):
        state.keep_best()
        progress = replace(progress, best_epoch=epoch + 1)
    state.progress = progress
    return metrics
