"""How well tags are foretold: precision at five, beside what needs no joint space."""

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse

from training.evaluation.baselines import mean_by_author, unit_rows
from training.evaluation.intervals import bootstrap_interval
from training.interests.landscape import Landscape
from training.interests.neighbourhood import Neighbourhood, neighbourhoods
from training.interests.strength import strengths
from training.materials import Materials
from training.modalities import Modality

Figures = dict[str, dict[str, float]]
"""Model to metric to value; `precision@5/low` and `/high` are its 95 % interval over people."""

MOST_JUDGED = 5_000
"""More held-out posts or people are sampled, by seed: the interval is narrow by then."""
_ROWS_AT_ONCE = 1024
Scores = Callable[[np.ndarray], np.ndarray]  # places in the list of queries → (n, V) scores


def tag_precision(
    landscape: Landscape, materials: Materials, split: str = "test", *, k: int = 5
) -> Figures:
    """Tags of held-out posts, foretold from the image alone: their texts may hold the tags.

    `joint` is what `describe` does, with the image as the only query. `joint_words` ranks the tags
    as points of the space: the cosine of the image to each tag's own text embedding, less the tag's
    mean cosine over training images (so that hubs do not win). `unimodal_image` is `joint` in the
    frozen image features; `frequent` gives every post the tags that most training posts have.

    Args:
        landscape: of training posts; its tags are the candidates, of all models alike.
        materials: of the same data.
        split: of the posts to foretell; those with an image and a tag of the vocabulary count.
        k: how many tags are foretold.
    Returns: per model precision@k, recall@k, the share of tags ever foretold (`coverage`), and
        `ceiling@k`, the precision of an oracle: most posts have fewer than k tags. Empty if no post
        can be judged.
    """
    around = landscape.with_tags()
    vocabulary, examples = around.vocabulary, materials.examples
    rows = examples.rows(split).numpy()
    rows = rows[examples.features.has_image.numpy()[rows]]
    rows = _some(rows)
    truth = _truth(around, materials, rows)
    rows, truth = rows[truth.any(axis=1)], truth[truth.any(axis=1)]
    if not len(rows):
        return {}
    posted = torch.from_numpy(around.rows)
    pictured = examples.features.has_image.numpy()[around.rows]
    images = _images(landscape, materials, torch.from_numpy(rows))
    seen = _images(landscape, materials, posted)[pictured]
    asked = [around.space.as_query(x, Modality.IMAGE, Modality.TEXT) for x in (images, seen)]
    usual = np.mean(asked[1] @ vocabulary.vectors.T, axis=0) if len(seen) else 0.0
    raw = unit_rows(examples.features.image.numpy()[rows])
    raw_seen = unit_rows(examples.features.image.numpy()[around.rows[pictured]])
    tagged = vocabulary.tagged[pictured]
    frequent = np.asarray(vocabulary.tagged.sum(axis=0)).ravel()
    models: dict[str, Scores] = {
        "joint": lambda q: around.tag_shares(around.around(images[q], Modality.IMAGE)),
        "joint_words": lambda q: asked[0][q] @ vocabulary.vectors.T - usual,
        "unimodal_image": lambda q: _tags_near(neighbourhoods(raw[q], raw_seen), tagged),
        "frequent": lambda q: np.broadcast_to(frequent, (len(q), len(frequent))),
    }
    people = examples.keys.author.numpy()[rows]
    allowed = vocabulary.is_tag
    return {name: _figures(score, truth, allowed, people, k) for name, score in models.items()}


def interest_precision(
    landscape: Landscape, materials: Materials, split: str = "test", *, k: int = 5
) -> Figures:
    """Tags that people put on their held-out posts, foretold from what the space knows of them.

    `joint` orders tags as `interests` does, by strength; `joint_shares` by how common they are
    around the person, hubs uncorrected. `own_tags` gives a person's own training tags, the most
    used first, which says nothing new about anyone. `unimodal_image` and `unimodal_text` look
    around the mean of a person's frozen features.

    Args: as `tag_precision`; people with a place and with a held-out tag count.
    """
    around = landscape.with_tags()
    vocabulary, examples = around.vocabulary, materials.examples
    rows = examples.rows(split).numpy()
    author = examples.keys.author.numpy()[rows]
    people = _some(np.unique(author)[landscape.present[np.unique(author)]])
    rows = rows[np.isin(author, people)]
    place = np.searchsorted(people, examples.keys.author.numpy()[rows])
    truth = np.zeros((len(people), len(vocabulary)), dtype=bool)
    np.logical_or.at(truth, place, _truth(around, materials, rows))
    people, truth = people[truth.any(axis=1)], truth[truth.any(axis=1)]
    if not len(people):
        return {}
    some = _some(np.flatnonzero(around.present))
    usual = around.tag_shares(around.around(around.people[some], Modality.USER)).mean(axis=0)
    posted = (np.ones(len(around.rows), np.float32), (around.author, np.arange(len(around.rows))))
    own = sparse.csr_matrix(posted, (len(around.people), len(around.rows))) @ vocabulary.tagged
    frequent = np.asarray(own.sum(axis=0)).ravel()

    def shares(q: np.ndarray) -> np.ndarray:
        return around.tag_shares(around.around(around.people[people[q]], Modality.USER))

    models: dict[str, Scores] = {
        "joint": lambda q: strengths(shares(q), usual),
        "joint_shares": shares,
        **{
            f"unimodal_{modality}": _around_means(around, materials, modality, people)
            for modality in ("image", "text")
        },
        "own_tags": lambda q: sparse.csr_matrix(own[people[q]]).toarray(),
        "frequent": lambda q: np.broadcast_to(frequent, (len(q), len(frequent))),
    }
    allowed = vocabulary.is_tag
    return {name: _figures(score, truth, allowed, people, k) for name, score in models.items()}


def tag_figures(
    landscape: Landscape, materials: Materials, split: str = "test"
) -> dict[str, Figures]:
    """Both of the above, as `posts` and `people`; left out where nobody can be asked."""
    found = {
        "posts": tag_precision(landscape, materials, split),
        "people": interest_precision(landscape, materials, split),
    }
    return {whose: figures for whose, figures in found.items() if figures}


def _some(rows: np.ndarray) -> np.ndarray:
    """All, or a seeded sample, ascending."""
    if len(rows) <= MOST_JUDGED:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, MOST_JUDGED, replace=False))


def _truth(landscape: Landscape, materials: Materials, rows: np.ndarray) -> np.ndarray:
    """(n, V) bool: the tags of posts, in the forms of the vocabulary."""
    tags = materials.data.posts(["tags"])["tags"].take(rows).to_pylist()
    truth = np.zeros((len(rows), len(landscape.vocabulary)), dtype=bool)
    for place, each in enumerate(tags):
        truth[place, landscape.vocabulary.rows_of_tags(each or ())] = True
    return truth


def _images(landscape: Landscape, materials: Materials, rows: torch.Tensor) -> np.ndarray:
    return landscape.space.embed_images(materials.examples.features.blanked().image[rows])


def _around_means(
    landscape: Landscape, materials: Materials, modality: str, people: np.ndarray
) -> Scores:
    """Tags around the mean of each person's frozen features of one modality."""
    features = materials.examples.features.blanked()
    values = unit_rows(getattr(features, modality)[landscape.rows].numpy())
    there = getattr(features, f"has_{modality}")[landscape.rows].numpy()
    means, _ = mean_by_author(values, there, landscape.author, len(landscape.people))
    tagged = landscape.vocabulary.tagged[there]

    def score(q: np.ndarray) -> np.ndarray:
        return _tags_near(neighbourhoods(means[people[q]], values[there]), tagged)

    return score


def _tags_near(near: Neighbourhood, tagged: sparse.csr_matrix) -> np.ndarray:
    """(Q, V) what part of each neighbourhood has each tag, by weight."""
    return sparse.csr_matrix(near.matrix() @ tagged).toarray()


def _figures(
    score: Scores, truth: np.ndarray, allowed: np.ndarray, people: np.ndarray, k: int
) -> dict[str, float]:
    hits, foretold = np.empty(len(truth)), np.zeros(truth.shape[1], dtype=bool)
    for start in range(0, len(truth), _ROWS_AT_ONCE):
        asked = np.arange(start, min(start + _ROWS_AT_ONCE, len(truth)))
        scores = np.where(allowed, score(asked), -np.inf)
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        hits[asked] = np.take_along_axis(truth[asked], best, axis=1).sum(axis=1)
        foretold[best.ravel()] = True
    there = truth.sum(axis=1)
    interval = bootstrap_interval(hits / k, groups=people)
    return {
        f"precision@{k}": interval.value,
        f"precision@{k}/low": interval.low,
        f"precision@{k}/high": interval.high,
        f"recall@{k}": float((hits / there).mean()),
        f"ceiling@{k}": float((np.minimum(there, k) / k).mean()),
        "coverage": float(foretold.sum() / max(1, allowed.sum())),
        "n": float(len(truth)),
    }
