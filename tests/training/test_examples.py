import torch

from tests.training.synthetic import small_examples
from training.examples import Examples


def test_histories_hold_training_posts_of_the_person_alone():
    examples = small_examples()
    history = examples.histories(torch.tensor([2, 0]))
    assert history.people == 2
    for person, author in enumerate((2, 0)):
        mine = (examples.keys.author == author) & (examples.split == 0)
        assert int((history.owner == person).sum()) == int(mine.sum())


def test_a_post_that_is_left_out_is_in_no_history():
    examples = small_examples()
    without = examples.rows("train")[:3]
    everyone = torch.arange(len(examples.users))
    full = examples.histories(everyone)
    less = examples.histories(everyone, without)
    assert len(full.owner) - len(less.owner) == 3


def test_saving_and_loading_changes_nothing(tmp_path):
    examples = small_examples()
    examples.save(tmp_path)
    again = Examples.load(tmp_path)
    assert again.users == examples.users
    for name, tensor in examples._tensors().items():
        torch.testing.assert_close(again._tensors()[name], tensor, equal_nan=True)


def test_absent_contents_never_share_a_key():
    examples = small_examples()
    absent = ~examples.features.has_text
    assert len(examples.keys.text[absent].unique()) == int(absent.sum())


def test_people_come_in_parts_of_bounded_histories(monkeypatch):
    whole = small_examples(people=40)
    people = torch.arange(40).flip(0)
    assert [part.tolist() for part in whole.chunks_of_people(people)] == [people.tolist()]
    monkeypatch.setattr("training.examples.POSTS_AT_ONCE", 20)
    parts = list(whole.chunks_of_people(people))
    assert torch.cat(parts).tolist() == people.tolist()
    assert len(parts) > 5
    lengths = whole.history_start.diff()
    assert max(int(lengths[part].sum()) for part in parts) <= 20 + int(lengths.max())
