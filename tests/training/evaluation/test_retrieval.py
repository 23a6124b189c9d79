"""Retrieval in eight directions: what matches what, who is asked; chunks change nothing."""

from dataclasses import replace

import numpy as np
import pytest

from training.evaluation.embedded import Direction, EmbeddedPosts, group_equal
from training.evaluation.retrieval import METRICS, evaluate_retrieval, retrieval_per_query
from training.evaluation.selection import selection_score
from training.evaluation.tasks import retrieval_task


def unit(random, rows, dimension=12):
    values = random.standard_normal((rows, dimension)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def embedded_posts(posts=60, people=14, seed=0) -> EmbeddedPosts:
    """Random points; missing modalities, equal texts, an unknown author, people without posts."""
    random = np.random.default_rng(seed)
    has_text = random.random(posts) < 0.8
    author = random.integers(-1, people - 4, size=posts)
    return EmbeddedPosts(
        users=unit(random, people),
        images=unit(random, posts),
        has_image=random.random(posts) < 0.7,
        texts=unit(random, posts),
        has_text=has_text,
        posts=unit(random, posts),
        author=author,
        text_group=np.where(has_text, random.integers(0, posts // 2, size=posts), -1),
    )


def slow_first_ranks(e: EmbeddedPosts, direction: Direction) -> dict[int, int]:
    """Query row → rank of its first match, by loops over the definition."""
    everywhere = np.ones(len(e), dtype=bool)
    points = {
        "user": (e.users, np.ones(len(e.users), dtype=bool)),
        "image": (e.images, e.has_image),
        "text": (e.texts, e.has_text),
        "post": (e.posts, everywhere),
    }

    def match(query, candidate):
        if direction.query == "user":
            return e.author[candidate] == query
        if direction.candidate == "user":
            return e.author[query] == candidate
        same = e.text_group[query] == e.text_group[candidate]
        return same and e.has_text[query] and e.has_text[candidate]

    found = {}
    (queries, asked), (candidates, offered) = points[direction.query], points[direction.candidate]
    for query in np.flatnonzero(asked):
        scored = [
            (-float(queries[query] @ candidates[c]), bool(match(query, c)))
            for c in np.flatnonzero(offered)
        ]
        ranks = [place for place, (_, hit) in enumerate(sorted(scored), start=1) if hit]
        if ranks:
            found[int(query)] = ranks[0]
    return found


@pytest.mark.parametrize("direction", Direction)
def test_ranks_equal_the_definition(direction):
    e = embedded_posts()
    result = retrieval_per_query(e, directions=[direction])[direction]
    ranks = result.values["median_rank"].astype(int)
    assert dict(zip(result.queries.tolist(), ranks.tolist(), strict=True)) == slow_first_ranks(
        e, direction
    )


def test_chunks_change_nothing():
    e = embedded_posts(posts=400, people=50)
    task = retrieval_task(e, Direction.POST_TO_USER)
    assert task is not None
    assert len(list(task.chunks(256))) == 1
    whole = retrieval_per_query(e)
    chunked = retrieval_per_query(e, memory_mb=0)  # a query at a time
    assert len(list(task.chunks(0))) == len(task.queries)
    for direction in Direction:
        assert whole[direction].queries.tolist() == chunked[direction].queries.tolist()
        for name in METRICS:
            assert np.array_equal(whole[direction].values[name], chunked[direction].values[name]), (
                name
            )


def test_a_constant_model_is_the_worst_there_is():
    e = embedded_posts(posts=300)
    same = np.full((300, 12), 12**-0.5, dtype=np.float32)
    constant = replace(e, users=same[: len(e.users)], images=same, texts=same, posts=same)
    for direction, values in evaluate_retrieval(constant).items():
        candidates = retrieval_task(constant, Direction(direction)).candidates
        assert values["recall@1"] == values["recall@5"] == 0, direction
        assert values["median_rank"] > 0.8 * len(candidates), direction


def test_a_perfect_model_is_perfect():
    random = np.random.default_rng(0)
    points = unit(random, 20, 40)
    everywhere = np.ones(20, dtype=bool)
    e = EmbeddedPosts(
        points, points, everywhere, points, everywhere, points, np.arange(20), np.arange(20)
    )
    results = evaluate_retrieval(e)
    assert set(results) == {direction.value for direction in Direction}
    assert all(values["map"] == values["median_rank"] == 1 for values in results.values())
    assert selection_score(results) == 1


def test_equal_texts_match_each_others_images():
    """Two posts of equal text: either image is a match for either text."""
    axes = np.eye(3, dtype=np.float32)
    everywhere = np.ones(3, dtype=bool)
    crossed = axes[[1, 0, 2]]  # each image lies on the other post's text
    e = EmbeddedPosts(
        axes,
        crossed,
        everywhere,
        axes,
        everywhere,
        None,
        np.arange(3),
        group_equal(["a", "a", "b"]),
    )
    assert evaluate_retrieval(e)["text_to_image"]["recall@1"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    apart = replace(e, text_group=np.arange(3))
    assert evaluate_retrieval(apart)["text_to_image"]["recall@1"] == pytest.approx(1 / 3)


def test_only_people_with_evaluation_posts_ask_but_all_are_candidates():
    e = embedded_posts()
    asked = retrieval_per_query(e)[Direction.USER_TO_POST]
    assert asked.queries.tolist() == sorted(set(e.author.tolist()) - {-1})
    task = retrieval_task(e, Direction.POST_TO_USER)
    assert task is not None
    assert len(task.candidates) == len(e.users)
    assert -1 not in task.queries.person


def test_directions_without_a_tower_are_absent():
    e = replace(embedded_posts(), texts=None, posts=None)
    assert set(evaluate_retrieval(e)) == {"user_to_image", "image_to_user"}
    nobody = replace(embedded_posts(), author=np.full(60, -1))
    assert set(evaluate_retrieval(nobody)) == {"text_to_image", "image_to_text"}


def test_what_has_no_vector_stays_a_candidate_and_comes_last():
    e = embedded_posts()
    has_post, has_user = np.ones(60, dtype=bool), np.ones(14, dtype=bool)
    has_post[e.author == 2], has_user[3] = False, False
    broken = replace(e, posts=e.posts.copy(), has_post=has_post, has_user=has_user)
    broken.posts[~has_post] = np.nan
    results = retrieval_per_query(broken)
    to_post, to_user = results[Direction.USER_TO_POST], results[Direction.POST_TO_USER]
    assert to_post.values["median_rank"][to_post.queries == 2] >= has_post.sum()
    assert to_user.values["median_rank"][to_user.person == 2].tolist() == [14] * (~has_post).sum()
    assert to_user.values["median_rank"][to_user.person == 3].min() == 14


def test_a_diverged_model_is_loud():
    e = embedded_posts()
    e.users[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        evaluate_retrieval(e)


def test_slices_of_queries():
    e = embedded_posts()
    result = retrieval_per_query(e)[Direction.IMAGE_TO_USER]
    of_one = result.where(result.person == 1)
    assert set(e.author[of_one.queries]) == {1}
    assert len(of_one) == np.sum((e.author == 1) & e.has_image)
    assert of_one.summary()["mrr"] == pytest.approx(of_one.values["mrr"].mean())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"images": np.zeros((59, 12))}, "images"),
        ({"has_text": np.ones(59, dtype=bool)}, "has_text"),
        ({"author": np.full(60, 14)}, "author"),
        ({"has_user": np.ones(60, dtype=bool)}, "has_user"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, named):
    with pytest.raises(ValueError, match=named):
        replace(embedded_posts(), **change)


def test_group_equal():
    assert group_equal(["a", None, "b", "a", None]).tolist() == [0, -1, 1, 0, -1]
