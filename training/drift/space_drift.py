"""Posts and people of two snapshots in one model's space, compared.

Everything is held against what chance gives: people are dealt out anew, with all their posts, into
groups of the same sizes, and the same figure is taken of those.
"""

import numpy as np
from scipy.stats import skew

from training.drift.columns import Column, drawn
from training.drift.config import DriftConfig
from training.drift.data_drift import compare_columns
from training.drift.interests import Interests
from training.drift.measures import beyond_chance
from training.drift.places import Places
from training.drift.shift import Shift
from training.evaluation.layout import nearest

COMPONENTS = 32
"""Principal components of the reference in which Fréchet distances are taken: a covariance of more
would need more posts than there are."""
HUB_ROWS, HUB_NEIGHBOURS = 1000, 10
_TAIL = 0.01
"""Share of the reference's posts that count as far from the others."""


def compare_places(
    reference: Places, current: Places, interests: Interests, config: DriftConfig
) -> list[Shift]:
    """All figures of the space; those for which there is too little are left out."""
    shifts = []
    if len(reference) > COMPONENTS and len(current) > COMPONENTS:
        shifts += [
            *_clouds(reference, current, config),
            _hubs(reference, current, config),
            _interests(reference, current, interests, config),
        ]
        fresh = ~np.isin(current.post_ids, reference.post_ids)
        if fresh.any():
            shifts.append(_far(reference, current.only(fresh), config))
    if moved := _people(reference, current, config):
        shifts.append(moved)
    return shifts


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Squared Fréchet distance of two clouds, taken as normal: (n, d) and (m, d).

    |m1 - m2|² + tr(S1 + S2 - 2 (S1^½ S2 S1^½)^½).
    Source: Dowson and Landau, The Fréchet distance between multivariate normals (1982).
    """
    s1, s2 = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (first, second))
    values, vectors = np.linalg.eigh(s1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    mixed = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ s2 @ root), 0)).sum()
    apart = first.mean(axis=0) - second.mean(axis=0)
    return float(max(0.0, apart @ apart + np.trace(s1) + np.trace(s2) - 2 * mixed))


def _clouds(reference: Places, current: Places, config: DriftConfig) -> list[Shift]:
    """Mean and covariance of the posts."""
    centre = reference.posts.mean(axis=0)
    _, _, axes = np.linalg.svd(
        reference.posts[drawn(len(reference), 5000, config.seed)] - centre, full_matrices=False
    )
    axes = axes[:COMPONENTS].T
    first, second = ((each.posts - centre) @ axes for each in (reference, current))
    spread = float(first.var(axis=0).sum())
    deals = list(_deals(reference.authors, current.authors, config.resamples, config.seed))
    pooled = np.concatenate([first, second])

    def moved(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(spread))

    centroid = [moved(pooled[chosen], pooled[~chosen]) for chosen in deals]
    few = deals[: config.resamples // 2]
    by_chance = np.array([frechet(pooled[chosen], pooled[~chosen]) / spread for chosen in few])
    plain, usual = frechet(first, second) / spread, float(np.median(by_chance))
    return [
        Shift(
            "centre of the posts",
            "distance of the means / spread",
            moved(first, second),
            beyond_chance(np.array(centroid)),
            config.centroid,
            f"the mean post moved by {moved(first, second):.1%} of the posts' spread",
            config.large,
        ),
        Shift(
            "shape of the posts",
            "Fréchet distance beyond chance / variance",
            max(0.0, plain - usual),
            max(0.0, beyond_chance(by_chance) - usual),
            config.frechet,
            f"Fréchet distance {plain:.3f} of the variance, {usual:.3f} by chance",
            config.large,
            figures={"fréchet": plain, "fréchet by chance": usual},
        ),
    ]


def _far(reference: Places, fresh: Places, config: DriftConfig) -> Shift:
    """New posts that are like nothing in the reference.

    Neighbours are posts of other people: someone's own series would make everything look near.
    """
    rows = drawn(len(reference), config.most_rows // 4, config.seed)
    usual = _nearest_of_others(reference.only(rows), reference)
    edge = float(np.quantile(usual, _TAIL))
    found = _nearest_of_others(fresh, reference) < edge
    random = np.random.default_rng(config.seed)
    owners = np.unique(reference.authors[rows], return_inverse=True)[1]
    beyond = np.bincount(owners, weights=usual < edge)
    each = np.bincount(owners)
    people = len(np.unique(fresh.authors))
    dealt = random.integers(len(each), size=(config.resamples, people))
    chance = beyond[dealt].sum(axis=1) / each[dealt].sum(axis=1)
    share = float(found.mean())
    return Shift(
        "new posts far from all others",
        "share beyond the expected 1 %",
        max(0.0, share - _TAIL),
        max(0.0, beyond_chance(chance) - _TAIL),
        config.far,
        f"{share:.1%} of {len(fresh):,} new posts lie further from the reference than 99 % of "
        f"its own posts",
        config.large,
        figures={"share": share, "cosine": edge},
    )


def _hubs(reference: Places, current: Places, config: DriftConfig) -> Shift:
    """Whether some posts have become neighbours of all others.

    Source: Radovanović, Nanopoulos and Ivanović, Hubs in Space (JMLR 2010): the skewness of N_k.
    """
    most = min(HUB_ROWS, len(reference), len(current))
    random = np.random.default_rng(config.seed)

    def skewness(posts: np.ndarray) -> float:
        chosen = posts[random.choice(len(posts), min(most, len(posts)), replace=False)]
        rows, _ = nearest(chosen, chosen, min(HUB_NEIGHBOURS + 1, len(chosen)))
        others = rows[rows != np.arange(len(chosen))[:, None]]  # nobody is their own neighbour
        return float(skew(np.bincount(others, minlength=len(chosen))))

    before, after = skewness(reference.posts), skewness(current.posts)
    pooled = np.concatenate([reference.posts, current.posts])
    deals = _deals(reference.authors, current.authors, config.resamples // 5, config.seed)
    chance = [abs(skewness(pooled[c]) - skewness(pooled[~c])) for c in deals]
    return Shift(
        "hubs",
        "change of the skewness",
        abs(after - before),
        beyond_chance(np.array(chance)),
        config.hubness,
        f"skewness of how often posts are neighbours {before:.2f} → {after:.2f}",
        config.large,
        figures={"before": before, "after": after},
    )


def _interests(
    reference: Places, current: Places, interests: Interests, config: DriftConfig
) -> Shift:
    """Shares of the posts by interest; the names are those of the reference."""
    names = np.array(interests.names)
    before, after = (
        Column("interests", False, names[interests.of(each.posts)], each.authors)
        for each in (reference, current)
    )
    return compare_columns(before, after, config)


def _people(reference: Places, current: Places, config: DriftConfig) -> Shift | None:
    """How many of those known then have another vector now; None without any."""
    both, was, now = np.intersect1d(
        reference.user_ids, current.user_ids, assume_unique=True, return_indices=True
    )
    if not len(both):
        return None
    turned = 1 - (reference.people[was] * current.people[now]).sum(axis=1)
    share = float((turned > config.turned).mean())
    half, most = np.quantile(turned, [0.5, 0.9])
    return Shift(
        "people",
        f"share turned by more than {config.turned:g}",
        share,
        0.0,  # the same model on the same history gives the same vector: nothing is left to chance
        config.moved,
        f"{share:.1%} of {len(both):,} people turned by more than {config.turned:g} "
        f"(median {half:.3f}, nine in ten below {most:.3f})",
        config.large,
        figures={"median": float(half), "90 %": float(most)},
    )


def _nearest_of_others(posts: Places, reference: Places, at_once: int = 1024) -> np.ndarray:
    """(N,) cosine of each post to the nearest of the reference that another person wrote."""
    owners = np.unique(reference.authors)
    mine = np.searchsorted(owners, posts.authors)
    mine[mine == len(owners)] = 0
    known = owners[mine] == posts.authors
    theirs = np.searchsorted(owners, reference.authors)
    found = np.empty(len(posts), dtype=np.float32)
    for start in range(0, len(posts), at_once):
        part = slice(start, start + at_once)
        scores = posts.posts[part] @ reference.posts.T
        own = np.where(known[part], mine[part], -1)[:, None] == theirs[None]
        found[part] = np.where(own, -1.0, scores).max(axis=1)
    return found


def _deals(before: np.ndarray, after: np.ndarray, resamples: int, seed: int):
    """Masks (N + M,) of the posts in the first of two groups of people, as many as were there."""
    owners = np.concatenate(
        [np.unique(before, return_inverse=True)[1], np.unique(after, return_inverse=True)[1]]
    )
    first = int(owners[: len(before)].max()) + 1
    owners[len(before) :] += first
    people = int(owners.max()) + 1
    random = np.random.default_rng(seed)
    for _ in range(resamples):
        group = np.zeros(people, dtype=bool)
        group[random.permutation(people)[:first]] = True
        yield group[owners]
