"""The page of `training.json`, which several commands write to."""

from pathlib import Path

from infra.benchmarks.claims_page import write_page

_STORIES = {
    "loop": "Our Ray Train worker and a bare PyTorch loop, in turns, on the same batches.",
    "workers": "The same global batches on one worker and on two, each of one thread.",
    "waiting": "How long a step waits for its batch, which is made while the one before is used.",
    "cached": "Features computed once, beside both encoders running at each step.",
    "open_clip": "open_clip's own towers and training loop, and our loop with the same towers.",
    "memory": "One step at a time in a process of its own; see "
    "[large batches](../training/large-batches.md).",
    "streaming, validate": "Made-up posts of ten a person, read, checked and split; see "
    "[large data](../training/large-data.md).",
    "streaming, features": "The same posts encoded, one in ten with a picture.",
    "streaming, train": "Two epochs on two workers, with evaluation, pictures and registration.",
    "streaming, hashed": "The same, with a user table of one size for any number of people.",
    "streaming, index": "Posts and people put into the event database and into Milvus.",
    "streaming, rows": "Every row is found once, as clean, in quarantine, or in the index.",
    "streaming, truth": "What the space has found out of interests that only the generator knew.",
    "cluster": "The processes of the compose file on one machine, from a submitted training to a "
    "recommendation; see [deploying](../deploying.md).",
}


def write_training_page(figures: Path) -> Path:
    """Write the page beside the file of claims, and return its path."""
    return write_page(figures, "Training at scale", _STORIES)
