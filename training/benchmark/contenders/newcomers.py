"""People whom the model has never seen, placed by one to three posts (fold-in).

Protocol: a quarter of the people with test posts are drawn by the trial's seed. All their training
and validation posts leave the data, histories included, and the model is trained without them. They
are then placed by one, two or three of their own training posts, without an id, and asked for their
test posts among all test posts. Beside that stands a model that was trained with those very posts.
"""

import numpy as np
import torch
from torch import Tensor

from training.benchmark.fitting import Fitted, fit_space
from training.benchmark.surgery import choose_people, few_posts, with_histories, without_people
from training.benchmark.trial import Outcome, Task, contenders
from training.evaluation.embedded import Direction
from training.evaluation.retrieval import QueryResults, retrieval_per_query
from training.examples import Examples
from training.query_weights import QueryWeights

SHARE = 0.25
"""Of the people with test posts."""
MOST = 3
"""Posts by which a newcomer is placed."""
FEWEST_PEOPLE = 3


@contenders.register("newcomers")
def newcomers(task: Task) -> Outcome:
    """Tables `fold_in_1` … `fold_in_3`, and `fold_in_mixed` beside `trained_few` (same posts).

    All tables hold the queries of the newcomers alone; `vectors["people"]` says who they are.
    """
    examples = task.examples
    people = choose_people(examples, SHARE, MOST, task.recipe.loop.seed)
    if len(people) < FEWEST_PEOPLE:
        return Outcome({})
    without = without_people(examples, people)
    fitted = fit_space(without, task.recipe)
    weights = fitted.query_weights()
    mixed = torch.arange(len(people)) % MOST + 1
    counts = {f"fold_in_{k}": torch.full((len(people),), k) for k in range(1, MOST + 1)}
    tables = {
        name: _placed(task, fitted, weights, without, people, count)
        for name, count in (counts | {"fold_in_mixed": mixed}).items()
    }
    kept = few_posts(examples, people, mixed, task.recipe.loop.seed)
    few = fit_space(without_people(examples, people, kept), task.recipe)
    found = retrieval_per_query(few.embed("test", weights=few.query_weights()))
    tables["trained_few"] = only_of(found, people.numpy())
    figures = {"seconds": fitted.seconds + few.seconds, "validation": fitted.score}
    return Outcome(tables, figures, {"people": people.numpy()})


def only_of(
    results: dict[Direction, QueryResults], people: np.ndarray
) -> dict[Direction, QueryResults]:
    """The queries behind which one of the people stands."""
    kept = {d: each.where(np.isin(each.person, people)) for d, each in results.items()}
    return {direction: each for direction, each in kept.items() if len(each)}


def _placed(
    task: Task,
    fitted: Fitted,
    weights: QueryWeights,
    without: Examples,
    people: Tensor,
    counts: Tensor,
) -> dict[Direction, QueryResults]:
    given = few_posts(task.examples, people, counts, task.recipe.loop.seed)
    placed = with_histories(without, task.examples, people, given)
    identities = torch.arange(len(placed.users))
    identities[people] = -1
    embedded = fitted.embed("test", examples=placed, identities=identities, weights=weights)
    return only_of(retrieval_per_query(embedded), people.numpy())
