import torch

from tests.training.planted import Planted
from tests.training.synthetic import small_examples
from training.examples import SPLITS, assemble
from training.sampling import EvaluationConfig, sample

WHOLE = small_examples(people=30)


def test_few_people_are_judged_whole():
    assert sample(WHOLE, EvaluationConfig(people=30, posts=30)) is None
    assert sample(WHOLE, EvaluationConfig(people=29)) is not None
    assert sample(WHOLE, EvaluationConfig(posts=29)) is not None


def test_people_of_a_part_have_all_that_stands_for_them():
    part = sample(WHOLE, EvaluationConfig(people=7, seed=3))
    assert part is not None and len(part.examples.users) == 7
    assert part.examples.users == tuple(WHOLE.users[person] for person in part.people)
    whole, some = WHOLE.histories(part.people), part.examples.histories(torch.arange(7))
    torch.testing.assert_close(some.owner, whole.owner)
    torch.testing.assert_close(some.posts.text, whole.posts.text, equal_nan=True)
    for name in ("train", "validation", "test"):
        rows = WHOLE.rows(name)
        wanted = rows[torch.isin(WHOLE.keys.author[rows], part.people)]
        assert part.rows[part.examples.rows(name)].tolist() == wanted.tolist()


def test_a_part_is_drawn_by_its_seed():
    drawn = [sample(WHOLE, EvaluationConfig(people=7, seed=seed)) for seed in (0, 0, 1)]
    people = [part.people.tolist() for part in drawn if part]
    assert people[0] == people[1] != people[2]


def test_posts_of_others_in_a_history_are_nobodys_and_unused():
    features = WHOLE.features
    authors = [WHOLE.users[author] for author in WHOLE.keys.author.tolist()]
    texts = [f"t{row}" for row in range(len(authors))]
    reader = WHOLE.users[0]
    examples = assemble(
        features,
        authors,
        texts,
        texts,
        [SPLITS[split] for split in WHOLE.split.tolist()],
        # everyone reads the first post of everyone
        {user: [(row, 1.0) for row in range(0, len(authors), 8)] for user in WHOLE.users},
    )
    part = sample(examples, EvaluationConfig(people=2))
    assert part is not None and reader in examples.users
    strangers = part.examples.keys.author < 0
    assert int(strangers.sum()) == 28
    assert set(part.examples.split[strangers].tolist()) == {SPLITS.index("unused")}
    # a part of a part is a part
    again = sample(part.examples, EvaluationConfig(people=1))
    assert again is not None and int((again.examples.keys.author < 0).sum()) == 29


def test_posts_beyond_the_bound_are_left_out():
    part = sample(WHOLE, EvaluationConfig(posts=11), ["validation"])
    assert part is not None and len(part.examples.rows("validation")) == 11
    assert len(part.examples.users) == 30


def test_materials_of_a_part_are_aligned(planted: Planted):
    whole = planted.materials
    some = whole.sampled(EvaluationConfig(people=5))
    assert whole.sampled(EvaluationConfig()) is whole
    posts = some.data.posts(["post_id", "text"])
    assert posts["post_id"].to_pylist() == some.features.post_ids.tolist()
    row = {post_id: row for row, post_id in enumerate(whole.features.post_ids.tolist())}
    rows = [row[post_id] for post_id in some.features.post_ids.tolist()]
    texts = whole.data.posts(["text"])["text"].to_pylist()
    assert posts["text"].to_pylist() == [texts[row] for row in rows]
    assert some.data.images([0, 3]) == whole.data.images([rows[0], rows[3]])
    own = some.examples.keys.author >= 0
    names = [some.examples.users[author] for author in some.examples.keys.author[own].tolist()]
    assert names == some.features.user_ids[own.numpy()].tolist()
    assert some.data.splits()[own.numpy()].tolist() == [
        whole.data.splits()[row] for row, mine in zip(rows, own.tolist(), strict=True) if mine
    ]
