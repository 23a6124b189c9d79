"""The interest probe on every model's people, fitted side by side on the cluster."""

from typing import Any

import numpy as np

from training.benchmark.interests import (
    Mixes,
    category_mixes,
    predicted_mixes,
    probe_report,
    unimodal_people,
)
from training.benchmark.results import Results
from training.materials import Materials

PEOPLE_OF = {"isolated": "late_fusion", "naive_joint": "naive_joint", "joint": "joint"}
"""Trial to the model whose people its `users` vectors are."""


def probe_interests(results: Results, materials: Materials) -> dict[str, Any]:
    """See `interests.probe_report`; where the labels don't suffice, the reason alone."""
    import ray

    categories = materials.data.posts(["category"])["category"].to_pylist()
    mixes = category_mixes(materials.examples, categories)
    if mixes is None:
        return {"reason": "too few people with posts of known category"}
    people = {name: [each] for name, each in unimodal_people(materials.examples).items()}
    for trial, model in PEOPLE_OF.items():
        people[model] = [each.vectors["users"] for each in results.outcomes[trial]]
    work = ray.remote(num_cpus=1)(_work)
    asked = {name: [work.remote(each, mixes) for each in runs] for name, runs in people.items()}
    return probe_report({name: ray.get(runs) for name, runs in asked.items()}, mixes)


def _work(vectors: np.ndarray, mixes: Mixes) -> np.ndarray:
    return predicted_mixes(vectors, mixes)
