import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.config import SplitConfig
from training.data.split import TEST, TRAIN, UNUSED, VALIDATION, split_posts
from training.errors import BadConfig, BadData

authors = st.lists(st.sampled_from("abcdefgh"), max_size=80)
configs = st.builds(
    SplitConfig,
    seed=st.integers(0, 9),
    min_posts=st.integers(3, 8),
    test_share=st.floats(0.01, 0.7),
    validation_share=st.floats(0.01, 0.6),
)


def ids_of(users: list[str]) -> list[str]:
    return [f"post-{i}" for i in range(len(users))]


def held_out_people_have_training_posts(users: list[str], parts: np.ndarray) -> bool:
    trained = {user for user, part in zip(users, parts, strict=True) if part == TRAIN}
    asked = {user for user, part in zip(users, parts, strict=True) if part in (TEST, VALIDATION)}
    return asked <= trained


@given(authors, configs)
def test_a_draw_holds_out_from_everyone_with_enough_posts(
    users: list[str], config: SplitConfig
) -> None:
    parts = split_posts(ids_of(users), users, None, config)
    assert len(parts) == len(users)
    assert set(parts.tolist()) <= {TRAIN, VALIDATION, TEST}
    assert held_out_people_have_training_posts(users, parts)
    for user in set(users):
        own = [part for who, part in zip(users, parts, strict=True) if who == user]
        enough = len(own) >= config.min_posts
        assert (own.count(TEST) >= 1) == (own.count(VALIDATION) >= 1) == enough


@given(authors, configs)
def test_a_draw_is_seeded_and_knows_no_order(users: list[str], config: SplitConfig) -> None:
    ids = ids_of(users)
    parts = split_posts(ids, users, None, config)
    again = split_posts(ids[::-1], users[::-1], None, config)
    assert again[::-1].tolist() == parts.tolist()


@given(authors, configs)
def test_new_people_leave_the_draw_of_others_alone(users: list[str], config: SplitConfig) -> None:
    parts = split_posts(ids_of(users), users, None, config)
    more = [*users, *["newcomer"] * 9]
    assert split_posts(ids_of(more), more, None, config)[: len(users)].tolist() == parts.tolist()


def test_the_seed_changes_the_draw_and_shares_are_kept() -> None:
    users = ["a"] * 100
    one, two = (split_posts(ids_of(users), users, None, SplitConfig(seed=seed)) for seed in (0, 1))
    assert one.tolist() != two.tolist()
    for parts in (one, two):
        counts = [(parts == part).sum() for part in (TEST, VALIDATION, TRAIN)]
        assert counts == [20, 8, 72]


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 30)), min_size=1, max_size=80),
    configs,
)
def test_by_time_nothing_is_learned_from_the_future(
    posts: list[tuple[str, int]], config: SplitConfig
) -> None:
    users = [user for user, _ in posts]
    times = np.array([time for _, time in posts], dtype=np.int64)
    config = config.model_copy(update={"strategy": "temporal"})
    try:
        parts = split_posts(ids_of(users), users, times, config)
    except BadData:
        return  # hardly any posts, or all of one instant
    assert set(parts.tolist()) <= {TRAIN, VALIDATION, TEST, UNUSED}
    assert {TRAIN, TEST} <= set(parts.tolist())
    latest = {part: times[parts == part].max(initial=-1) for part in (TRAIN, VALIDATION)}
    later = times[(parts == VALIDATION) | (parts == TEST)]
    assert latest[TRAIN] <= later.min()
    assert max(latest[VALIDATION], 0) <= times[parts == TEST].min()
    assert held_out_people_have_training_posts(users, parts)


def test_auto_goes_by_time_where_every_post_is_dated() -> None:
    users = ["a", "b"] * 50
    times = np.arange(100)
    parts = split_posts(ids_of(users), users, times, SplitConfig())
    assert parts.tolist() == [TRAIN] * 72 + [VALIDATION] * 8 + [TEST] * 20
    drawn = split_posts(ids_of(users), users, times, SplitConfig(strategy="random"))
    assert drawn.tolist() == split_posts(ids_of(users), users, None, SplitConfig()).tolist()
    same_time = split_posts(ids_of(users), users, np.zeros(100, np.int64), SplitConfig())
    assert same_time.tolist() == drawn.tolist()


def test_a_split_by_time_that_cannot_be_made() -> None:
    with pytest.raises(BadData, match="created_at"):
        split_posts(["1"], ["a"], None, SplitConfig(strategy="temporal"))
    with pytest.raises(BadData, match="by time"):
        split_posts(["1", "2"], ["a", "a"], np.zeros(2, np.int64), SplitConfig(strategy="temporal"))


def test_shares_that_leave_nothing() -> None:
    with pytest.raises(BadConfig, match="leave"):
        SplitConfig.parse({"test_share": 0.8, "validation_share": 0.8})
