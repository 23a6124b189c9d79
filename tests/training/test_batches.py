import torch

from tests.training.synthetic import small_examples
from training.batches import BatchSampler


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
            without = torch.zeros(len(examples.split), dtype=torch.bool)
            without[whole.keys.row] = True
            fair = examples.histories(batch.people, without)
            torch.testing.assert_close(batch.history.owner, fair.owner)
            torch.testing.assert_close(batch.history.posts.image, fair.posts.image, equal_nan=True)


def test_authors_are_always_among_the_people_and_epochs_differ():
    s = sampler()
    for batch in s.epoch(0):
        assert set(batch.keys.author.tolist()) <= set(batch.people.tolist())
    first = torch.cat([b.keys.row for b in s.epoch(0)])
    assert first.tolist() != torch.cat([b.keys.row for b in s.epoch(1)]).tolist()
    assert first.tolist() == torch.cat([b.keys.row for b in s.epoch(0)]).tolist()
