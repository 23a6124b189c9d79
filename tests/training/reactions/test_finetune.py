import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.reactions.finetune import _batch
from training.reactions.multinomial import multinomial_loss
from training.reactions.opinions import opinions


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 8), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_the_loss_is_the_sum_written_out(seed, people, posts, flatten):
    random = np.random.default_rng(seed)
    scores = random.standard_normal((people, posts))
    allowed = random.random((people, posts)) < 0.7
    weights = random.random((people, posts)) * (random.random((people, posts)) < 0.5) * allowed
    total = importance = 0.0
    for i in range(people):
        if not weights[i].sum():
            continue
        normaliser = np.log(np.exp(scores[i][allowed[i]]).sum())
        mean = sum(weights[i, j] * (normaliser - scores[i, j]) for j in range(posts))
        total += mean / weights[i].sum() * weights[i].sum() ** flatten
        importance += weights[i].sum() ** flatten
    found = multinomial_loss(
        torch.tensor(scores), torch.tensor(weights), torch.tensor(allowed), flatten=flatten
    )
    assert abs(float(found) - total / max(importance, 1e-6)) < 1e-4 * max(1.0, total)


def test_a_cut_parts_what_is_known_from_what_is_predicted(events, config):
    likes = opinions(events, config).likes()
    liked = likes.count() > 0
    batch = _batch(likes, 0.6, liked, config)
    for person in range(0, likes.people, 7):
        own = likes.post[likes.person == person]
        cut = int(0.6 * len(own))
        assert batch.post[batch.owner == person].tolist() == own[:cut].tolist()
        assert set(batch.future[person].nonzero().flatten().tolist()) == set(own[cut:].tolist())
        assert not batch.allowed[person, own[:cut]].any()
        order = batch.future[person, own[cut:]]
        assert (order.diff() < 0).all()  # all likes of these people weigh 1: the nearest most
    assert not batch.allowed[:, torch.from_numpy(~liked)].any()
