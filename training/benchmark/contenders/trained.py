"""Trained contenders: one space for all, or a space for each pair."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from training.benchmark.fitting import Fitted, directions_of, fit_space
from training.benchmark.surgery import PicturedHistories, only_modalities
from training.benchmark.trial import Outcome, Task, contenders
from training.embedding import embed_people
from training.evaluation.baselines import unit_rows
from training.evaluation.embedded import Direction, EmbeddedPosts
from training.evaluation.retrieval import QueryResults, evaluate_retrieval, retrieval_per_query
from training.evaluation.selection import selection_score
from training.model.layout import Pair
from training.query_weights import apply

FUSION_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Weights tried for one of two spaces beside a full weight of the other; chosen on validation."""
WHOLE = (Direction.USER_TO_POST, Direction.POST_TO_USER)


@contenders.register("joint")
def joint(task: Task) -> Outcome:
    """One space for users, images and texts, as `commonspace train` makes it."""
    return _whole("joint", task)


@contenders.register("naive_joint")
def naive_joint(task: Task) -> Outcome:
    """One block for all pairs, whose losses simply add."""
    recipe = task.recipe.changed({"model.layout": "shared", "losses.image_text.author_margin": 0.0})
    return _whole("naive_joint", replace(task, recipe=recipe))


PLAIN = {"model.meaning": 0, "model.audience.prototypes": 0}
"""Changes to a recipe that leave nothing but the pairs' own blocks."""


@contenders.register("isolated")
def isolated(task: Task) -> Outcome:
    """Each pair alone, with the full dimension and the full schedule; and their late fusion.

    A model of users and images never sees a text, nor the other way round; one of images and texts
    sees no author. The late fusion is for users and whole posts: the vectors of both models side by
    side, weighed by validation.
    """
    pairs = {pair: _alone(task, pair, PLAIN) for pair in Pair}
    merged: dict[Direction, QueryResults] = {}
    for pair, fitted in pairs.items():
        wanted = directions_of([pair])
        merged |= retrieval_per_query(fitted.embed("test"), directions=wanted)
    fused = _fused(pairs[Pair.USER_IMAGE], pairs[Pair.USER_TEXT], "test")
    weights = _fusion_weights(pairs[Pair.USER_IMAGE], pairs[Pair.USER_TEXT])
    fusion = retrieval_per_query(fused.asked_with(weights), directions=WHOLE)
    figures = {"seconds": sum(each.seconds for each in pairs.values())}
    figures |= {f"validation/{pair.value}": fitted.score for pair, fitted in pairs.items()}
    figures["validation"] = float(np.mean([fitted.score for fitted in pairs.values()]))
    return Outcome({"isolated": merged, "late_fusion": fusion}, figures, {"users": fused.users})


@contenders.register("isolated_equipped")
def isolated_equipped(task: Task) -> Outcome:
    """Each pair alone with every block of ours that it can have, and weights by validation.

    How much of the lead of `joint` is not due to jointness: meaning for pairs with texts, audience
    and appeal for pairs with people.
    """
    merged: dict[Direction, QueryResults] = {}
    figures = {"seconds": 0.0}
    for pair in Pair:
        fitted = _alone(task, pair, {})
        embedded = fitted.embed("test", weights=fitted.query_weights())
        merged |= retrieval_per_query(embedded, directions=directions_of([pair]))
        figures["seconds"] += fitted.seconds
        figures[f"validation/{pair.value}"] = fitted.score
    return Outcome({"isolated_equipped": merged}, figures)


@contenders.register("emergent")
def emergent(task: Task) -> Outcome:
    """Users and texts that were never brought together: only user–image and image–text are trained.

    People stand by id and images alone, in training and test, so that no text of theirs meets a
    text. The blocks are weighed as the layout says (`emergent`), since a choice on validation would
    look at users with texts; with such a choice: `emergent_weighed`.
    """
    recipe = task.recipe.changed({"model.pairs": ["user_image", "image_text"]})
    fitted = fit_space(PicturedHistories.of(task.examples), recipe)
    chosen = fitted.query_weights()
    tables = {
        "emergent": retrieval_per_query(fitted.embed("test")),
        "emergent_weighed": retrieval_per_query(fitted.embed("test", weights=chosen)),
    }
    return Outcome(tables, {"seconds": fitted.seconds, "validation": fitted.score})


def _whole(name: str, task: Task) -> Outcome:
    fitted = fit_space(task.examples, task.recipe)
    weights = fitted.query_weights()
    results = retrieval_per_query(fitted.embed("test", weights=weights))
    weighed = evaluate_retrieval(fitted.embed("validation", weights=weights))
    users, present = embed_people(fitted.space, task.examples)
    figures = {
        "seconds": fitted.seconds,
        "validation": selection_score(weighed),
        "validation/unweighed": fitted.score,
        "epoch": float(fitted.epoch),
    }
    # the space itself too: what is asked of it later must not need another training
    vectors = {f"weights/{part}": each.numpy() for part, each in fitted.space.state_dict().items()}
    vectors |= {f"query/{direction}": np.array(each) for direction, each in weights.items()}
    alike = weights["user_to_user"]  # as people are compared with each other
    vectors["users"] = apply(users, alike, fitted.space.blocks) * present[:, None]
    return Outcome({name: results}, figures, vectors)


def _alone(task: Task, pair: Pair, changes: Mapping[str, Any]) -> Fitted:
    seen = {side.value for side in pair.sides}
    examples = only_modalities(task.examples, image="image" in seen, text="text" in seen)
    changes = {"model.pairs": [pair.value], "losses.image_text.author_margin": 0.0, **changes}
    return fit_space(examples, task.recipe.changed(changes))


def _fused(pictured: Fitted, written: Fitted, split: str) -> EmbeddedPosts:
    """People and whole posts in both spaces side by side; an absent part is zero."""
    image, text = pictured.embed(split), written.embed(split)
    has_user = _placed(image), _placed(text)
    posts = [image.images * image.has_image[:, None], text.texts * text.has_text[:, None]]  # type: ignore[operator]
    users = [image.users * has_user[0][:, None], text.users * has_user[1][:, None]]
    return EmbeddedPosts(
        users=unit_rows(np.hstack(users)),
        images=None,
        has_image=image.has_image,
        texts=None,
        has_text=text.has_text,
        posts=unit_rows(np.hstack(posts)),
        author=image.author,
        text_group=image.text_group,
        has_user=has_user[0] | has_user[1],
        has_post=image.has_image | text.has_text,
    )


def _fusion_weights(pictured: Fitted, written: Fitted) -> dict[str, np.ndarray]:
    """Direction to weights of the coordinates, those that rank the validation posts best."""
    embedded = _fused(pictured, written, "validation")
    widths = [pictured.space.dimension, written.space.dimension]
    grid = [(1.0, w) for w in FUSION_WEIGHTS[::-1]] + [(w, 1.0) for w in FUSION_WEIGHTS]
    best: dict[str, np.ndarray] = {}
    for direction in WHOLE:
        scores = []
        for pair in grid:
            weights = {direction.value: np.repeat(np.array(pair, np.float32), widths)}
            found = evaluate_retrieval(
                embedded.asked_with(weights), directions=[direction], metrics=["map"]
            )
            scores.append(found.get(direction.value, {}).get("map", 0.0))
        best[direction.value] = np.repeat(
            np.array(grid[int(np.argmax(scores))], np.float32), widths
        )
    return best


def _placed(embedded: EmbeddedPosts) -> np.ndarray:
    return np.ones(len(embedded.users), bool) if embedded.has_user is None else embedded.has_user
