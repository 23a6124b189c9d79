"""The benchmark's result as plain data: the form of `quality.json`."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.benchmark.claims.base import Claim
from training.benchmark.results import Results
from training.evaluation.slices import Slice

MAIN = (
    "unimodal_image",
    "unimodal_text",
    "concatenation",
    "cca",
    "clip",
    "isolated",
    "isolated_equipped",
    "late_fusion",
    "naive_joint",
    "joint",
)
"""Models of the main table, in its order."""
RESERVED = (
    "claims",
    "claims_left_out",
    "protocol",
    "variants",
    "ablations",
    "slices",
    "interests",
    "communities",
    "reactions",
    "training",
)
"""Keys beside those of data sets."""

Document = dict[str, Any]


def document(
    data_set: str,
    results: Results,
    ablations: Results,
    slices: Sequence[Slice],
    claims: Sequence[Claim],
    left_out: Mapping[str, str],
    protocol: Mapping[str, Any],
    extras: Mapping[str, Any],
) -> Document:
    """Put everything under its key.

    `{data set: {model: {direction: {metric: {mean, std, n, low, high}}}}}`, n being seeds and low
    to high a 95 % interval over people; `variants` (models trained on less) and `ablations` have
    the same form below the model; `slices` is {model: {slice: …}}; `claims` is a list.

    Args:
        data_set: name of the data set.
        results: of the main trials.
        ablations: of the variants of one seed.
        slices: parts of people and posts.
        claims: those that apply.
        left_out: claim to the reason why it does not.
        protocol: how it was measured.
        extras: under the other `RESERVED` keys.
    """
    name = f"{data_set} (data)" if data_set in RESERVED else data_set
    main = [model for model in MAIN if results.has(model)]
    return {
        name: {model: results.cells(model, intervals=True) for model in main},
        "claims": [claim.to_json() for claim in claims],
        "claims_left_out": dict(left_out),
        "protocol": dict(protocol),
        "variants": {
            model: results.cells(model)
            for model in results.tables
            if model not in MAIN and results.has(model)
        },
        "ablations": {
            model: {
                "validation": ablations.outcomes[model][0].figures.get("validation"),
                "test": ablations.cells(model),
            }
            for model in ablations.tables
        },
        "slices": {model: results.sliced(model, slices) for model in main},
        "training": _training(results),
        **extras,
    }


def data_sets(whole: Document) -> dict[str, dict[str, Any]]:
    """The data sets of a document by name."""
    return {name: each for name, each in whole.items() if name not in RESERVED}


def _training(results: Results) -> dict[str, dict[str, float]]:
    """Mean figures of each trained contender: seconds of one training, validation score."""
    found: dict[str, dict[str, float]] = {}
    for name, outcomes in results.outcomes.items():
        names = sorted({figure for each in outcomes for figure in each.figures})
        figures = {
            figure: [each.figures[figure] for each in outcomes if figure in each.figures]
            for figure in names
        }
        if figures:
            found[name] = {figure: sum(v) / len(v) for figure, v in figures.items()}
    return found
