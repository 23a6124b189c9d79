import pytest
import torch

from tests.training.synthetic import small_examples
from training.batches import BatchSampler
from training.shuffle import BLOCK, MIXED, shuffled


def sampler(**changes):
    settings = {"batch_size": 8, "people": 4, "seed": 3} | changes
    return BatchSampler(small_examples(), **settings)


def test_an_epoch_shows_each_training_post_at_most_once_and_nothing_else():
    s = sampler()
    seen = torch.cat([batch.keys.row for batch in s.epoch(0)])
    assert len(seen.unique()) == len(seen)
    assert set(seen.tolist()) <= set(s.rows.tolist())
    assert len(seen) > 0.7 * len(s.rows)


def test_workers_share_the_batches_that_one_worker_sees():
    alone = list(sampler().epoch(1))
    shares = [list(sampler(rank=rank, world=2).epoch(1)) for rank in range(2)]
    for step, whole in enumerate(alone):
        parts = [share[step] for share in shares]
        rows = torch.cat([part.keys.row for part in parts])
        people = torch.cat([part.people for part in parts])
        assert sorted(rows.tolist()) == sorted(whole.keys.row.tolist())
        assert sorted(people.tolist()) == sorted(whole.people.tolist())
        assert max(len(part.keys.row) for part in parts) == parts[0].most_posts


def test_no_history_holds_a_post_of_the_global_batch():
    examples = small_examples()
    for rank in range(2):
        for batch in sampler(rank=rank, world=2).epoch(0):
            whole = next(b for b in sampler().epoch(0) if batch.keys.row[0] in b.keys.row)
            fair = examples.histories(batch.people, whole.keys.row)
            torch.testing.assert_close(batch.history.owner, fair.owner)
            torch.testing.assert_close(batch.history.posts.image, fair.posts.image, equal_nan=True)


def test_authors_are_always_among_the_people_and_epochs_differ():
    s = sampler()
    for batch in s.epoch(0):
        assert set(batch.keys.author.tolist()) <= set(batch.people.tolist())
    first = torch.cat([b.keys.row for b in s.epoch(0)])
    assert first.tolist() != torch.cat([b.keys.row for b in s.epoch(1)]).tolist()
    assert first.tolist() == torch.cat([b.keys.row for b in s.epoch(0)]).tolist()


@pytest.mark.parametrize("shuffle", ["full", "blocks"])
def test_an_epoch_can_begin_at_any_step(shuffle):
    whole = list(sampler(shuffle=shuffle, people=2).epoch(2))
    assert len(whole) > 3
    for start in range(len(whole) + 1):
        # with another number of workers, too
        for rank, world in ((0, 1), (1, 2)):
            rest = list(sampler(shuffle=shuffle, people=2, rank=rank, world=world).epoch(2, start))
            assert len(rest) == len(whole) - start
            for batch, full in zip(rest, whole[start:], strict=True):
                assert batch.keys.row.tolist() == full.keys.row[rank::world].tolist()
                assert batch.people.tolist() == full.people[rank::world].tolist()


def test_histories_begin_alike_wherever_an_epoch_begins():
    whole = list(sampler(short_histories=0.5).epoch(0))
    rest = list(sampler(short_histories=0.5).epoch(0, 2))
    for batch, full in zip(rest, whole[2:], strict=True):
        torch.testing.assert_close(batch.history.owner, full.history.owner)
        torch.testing.assert_close(
            batch.history.posts.text, full.history.posts.text, equal_nan=True
        )


def test_others_are_different_people_drawn_from_all():
    examples = small_examples(people=200, posts_each=8)
    seen = set()
    for batch in BatchSampler(examples, batch_size=16, people=24, seed=0).epoch(0):
        people = batch.people.tolist()
        assert len(set(people)) == len(people) == 24
        assert people == sorted(people)
        assert set(batch.keys.author.tolist()) <= set(people)
        seen |= set(people) - set(batch.keys.author.tolist())
    assert len(seen) > 190


def test_a_long_history_is_read_in_part():
    part = BatchSampler(small_examples(), batch_size=8, people=6, seed=0, longest_history=2)
    drawn = set()
    for epoch in range(6):
        for batch in part.epoch(epoch):
            counts = torch.bincount(batch.history.owner, minlength=len(batch.people))
            assert int(counts.max()) == 2
            drawn.add(batch.history.posts.text[0].sum().item())
    assert len(drawn) > 4  # another part each time


@pytest.mark.parametrize("how", ["full", "blocks"])
def test_a_shuffle_shows_every_row_once(how):
    rows = torch.arange(3, 3 * 70_001, 3)
    order = shuffled(rows, torch.Generator().manual_seed(0), how)
    assert order.sort().values.equal(rows) and not order.equal(rows)
    again = shuffled(rows, torch.Generator().manual_seed(0), how)
    other = shuffled(rows, torch.Generator().manual_seed(1), how)
    assert order.equal(again) and not order.equal(other)


def test_blocks_keep_a_batch_within_a_window():
    rows = torch.arange(BLOCK * MIXED * 2)
    order = shuffled(rows, torch.Generator().manual_seed(0), "blocks")
    first = (order[: BLOCK * MIXED] // BLOCK).unique()
    assert len(first) == MIXED  # half of all blocks, whole
    assert len((order[:512] // BLOCK).unique()) > 100  # well mixed
