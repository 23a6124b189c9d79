"""Do embeddings of people tell what they post about? A logistic probe, cross-validated over people.

For each person with enough labelled posts, the probe predicts the mix of categories of their posts
from their embedding. Categories are labels for this alone: no model sees them. All embeddings get
the same treatment: centred, scaled as a whole, rotated (which changes nothing for a ridge), and a
strength of regularisation chosen inside each training fold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.benchmark.contenders.closed_form import authored_posts
from training.evaluation.baselines import baselines
from training.examples import Examples

FEWEST_POSTS = 3
"""Labelled posts that a person must have."""
FEWEST_PEOPLE = 5
"""People in whom a category must be dominant to count in macro-F1: one a fold."""
FOLDS = 5
STRENGTHS = (0.03, 0.3, 3.0, 30.0, 300.0)
"""Inverse regularisation, on inputs of unit mean square length."""
RESAMPLES = 1000


@dataclass(frozen=True)
class Mixes:
    """Categories of P people.

    Attributes:
        people: (P,) rows of the people.
        shares: (P, C) share of each category among a person's labelled posts; rows sum to 1.
        names: of the C categories.
    """

    people: np.ndarray
    shares: np.ndarray
    names: tuple[str, ...]

    @property
    def dominant(self) -> np.ndarray:
        """(P,) the commonest category of each person; of equals the first by name."""
        return self.shares.argmax(axis=1)

    @property
    def scored(self) -> np.ndarray:
        """(C',) categories that are dominant often enough for macro-F1."""
        counts = np.bincount(self.dominant, minlength=len(self.names))
        return np.flatnonzero(counts >= FEWEST_PEOPLE)


def category_mixes(examples: Examples, categories: Sequence[str | None]) -> Mixes | None:
    """The people with enough labelled posts; None if the labels are too few to cross-validate.

    Args:
        examples: posts and people.
        categories: (N,) of the posts, None where unknown.
    """
    names = tuple(sorted({name for name in categories if name is not None}))
    number = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(examples.users), len(names)))
    for author, name in zip(examples.keys.author.tolist(), categories, strict=True):
        if name is not None:
            counts[author, number[name]] += 1
    people = np.flatnonzero(counts.sum(axis=1) >= FEWEST_POSTS)
    mixes = Mixes(people, counts[people] / counts[people].sum(axis=1, keepdims=True), names)
    if len(people) < FOLDS * FEWEST_PEOPLE or len(mixes.scored) < 2:
        return None
    return mixes


def unimodal_people(examples: Examples) -> dict[str, np.ndarray]:
    """(U, F) each: what the untrained baselines make of people's training posts."""
    training = authored_posts(examples, "train")
    return {
        name: baselines[name](training, training, len(examples.users)).users
        for name in ("unimodal_image", "unimodal_text", "concatenation")
    }


def predicted_mixes(vectors: np.ndarray, mixes: Mixes, seed: int = 0) -> np.ndarray:
    """(P, C) probabilities, each person's by a probe that was fitted without that person.

    Args:
        vectors: (U, D) embeddings of all people.
        mixes: whom to ask, and the truth.
        seed: of the folds, which are the same for all models.
    """
    inputs = _rotated(vectors[mixes.people])
    predicted = np.zeros_like(mixes.shares)
    folds = _folds(len(inputs), seed)
    for fold in range(FOLDS):
        inside, outside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        strength = _strength(inputs[inside], mixes.shares[inside], seed + 1)
        predicted[outside] = _fit_predict(
            inputs[inside], mixes.shares[inside], inputs[outside], strength
        )
    return predicted


def probe_report(
    predictions: Mapping[str, Sequence[np.ndarray]], mixes: Mixes, reference: str = "joint"
) -> dict[str, Any]:
    """Macro-F1 and nDCG of every model with intervals over people, and paired differences.

    Args:
        predictions: model to (P, C) probabilities, one a seed.
        mixes: the truth.
        reference: the model whose lead over the others is given.
    """
    count = len(mixes.people)
    times = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=RESAMPLES)
    once = np.ones((1, count), dtype=np.int64)
    models: dict[str, Any] = {}
    drawn: dict[str, dict[str, np.ndarray]] = {}
    for name, runs in predictions.items():
        drawn[name] = _metrics(runs, mixes, times)
        exact = _metrics(runs, mixes, once)
        models[name] = {}
        for metric, values in drawn[name].items():
            low, high = np.quantile(values, [0.025, 0.975])
            mean = float(exact[metric][0])
            models[name][metric] = {
                "mean": mean, "low": float(low), "high": float(high), "n": len(runs)
            }  # fmt: skip
    differences = {
        name: {
            metric: _difference(models, drawn, reference, name, metric) for metric in drawn[name]
        }
        for name in models
        if name != reference and reference in models
    }
    return {
        "people": len(mixes.people),
        "categories": len(mixes.names),
        "scored_categories": [mixes.names[i] for i in mixes.scored],
        "models": models,
        "differences": differences,
    }


def macro_f1(
    truth: np.ndarray, guess: np.ndarray, labels: np.ndarray, times: np.ndarray
) -> np.ndarray:
    """(R,) mean F1 over `labels`; a label that is neither there nor guessed counts 0.

    Args:
        truth: (P,) labels.
        guess: (P,) labels.
        labels: those that count.
        times: (R, P) how often each person is in each of R samples.
    """
    scores = np.zeros(len(times))
    for label in labels:
        true, guessed = truth == label, guess == label
        both = times @ true.astype(np.int64) + times @ guessed.astype(np.int64)
        scores += 2 * (times @ (true & guessed).astype(np.int64)) / np.maximum(1, both)
    return scores / len(labels)


def mix_gain(shares: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(P,) nDCG of ranking all categories by probability, with the shares as gains."""
    discount = 1 / np.log2(np.arange(2, shares.shape[1] + 2))
    order = np.argsort(-predicted, axis=1, kind="stable")
    gained = (np.take_along_axis(shares, order, axis=1) * discount).sum(axis=1)
    return gained / (-np.sort(-shares, axis=1) * discount).sum(axis=1)


def _metrics(runs: Sequence[np.ndarray], mixes: Mixes, times: np.ndarray) -> dict[str, np.ndarray]:
    """Metric to (R,) its value on each sample (R, P) of people, mean over the runs."""
    f1, gain = np.zeros(len(times)), np.zeros(len(times))
    for predicted in runs:
        f1 += macro_f1(mixes.dominant, predicted.argmax(axis=1), mixes.scored, times)
        gain += times @ mix_gain(mixes.shares, predicted) / times.sum(axis=1)
    return {"macro_f1": f1 / len(runs), "ndcg": gain / len(runs)}


def _difference(models, drawn, reference: str, other: str, metric: str) -> dict[str, float]:
    gaps = drawn[reference][metric] - drawn[other][metric]
    low, high = np.quantile(gaps, [0.025, 0.975])
    value = models[reference][metric]["mean"] - models[other][metric]["mean"]
    return {"value": value, "low": float(low), "high": float(high)}


def _rotated(vectors: np.ndarray) -> np.ndarray:
    """The same geometry in at most P coordinates, of unit mean square length."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    rotated = left * sizes
    return rotated / max(1e-12, np.sqrt((rotated**2).sum(axis=1).mean()))


def _folds(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).permutation(count) % FOLDS


def _strength(inputs: np.ndarray, shares: np.ndarray, seed: int) -> float:
    """The strength with the best log-likelihood of held-out people among these."""
    folds = _folds(len(inputs), seed) % 3
    scores = []
    for strength in STRENGTHS:
        likelihood = 0.0
        for fold in range(3):
            inside, outside = folds != fold, folds == fold
            found = _fit_predict(inputs[inside], shares[inside], inputs[outside], strength)
            likelihood += float((shares[outside] * np.log(found + 1e-3)).sum())
        scores.append(likelihood)
    return STRENGTHS[int(np.argmax(scores))]


def _fit_predict(
    inputs: np.ndarray, shares: np.ndarray, asked: np.ndarray, strength: float
) -> np.ndarray:
    """(Q, C) probabilities of a multinomial logistic regression on shares as weights."""
    from sklearn.linear_model import LogisticRegression

    person, category = np.nonzero(shares)
    found = np.zeros((len(asked), shares.shape[1]))
    model = LogisticRegression(C=strength, max_iter=300)
    model.fit(inputs[person], category, sample_weight=shares[person, category])
    found[:, model.classes_] = model.predict_proba(asked)
    return found
