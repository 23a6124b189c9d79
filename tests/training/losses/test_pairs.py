import torch

from training.examples import PostKeys
from training.losses.pairs import Points, matches
from training.modalities import Modality
from training.model.layout import Pair


def posts(author, text, image, present=None) -> Points:
    n = len(author)
    there = torch.ones(n, dtype=torch.bool) if present is None else torch.tensor(present)
    keys = PostKeys(torch.arange(n), *(torch.tensor(k) for k in (author, text, image)))
    return Points(torch.zeros(n, 2), there, keys)


def people(rows) -> Points:
    row = torch.tensor(rows)
    return Points(
        torch.zeros(len(row), 2),
        torch.ones(len(row), dtype=torch.bool),
        PostKeys(row, row, row, row),
    )


def test_equal_texts_and_pictures_match_between_image_and_text():
    batch = posts(author=[0, 1, 2], text=[5, 5, 6], image=[7, 8, 7])
    positives, ignored = matches(Pair.IMAGE_TEXT, Modality.IMAGE, batch, batch, batch)
    assert positives.tolist() == [[True, True, True], [True, True, False], [True, False, True]]
    assert not ignored.any()


def test_all_posts_of_a_person_match_and_twins_of_others_are_no_negatives():
    batch = posts(author=[0, 0, 1, 1], text=[1, 2, 2, 3], image=[1, 2, 3, 4])
    positives, ignored = matches(Pair.USER_TEXT, Modality.USER, people([0, 1]), batch, batch)
    assert positives.tolist() == [[True, True, False, False], [False, False, True, True]]
    assert ignored.tolist() == [[False, False, True, False], [False, True, False, False]]


def test_a_post_does_not_push_away_the_author_of_its_twin():
    batch = posts(author=[0, 1, 2], text=[1, 1, 2], image=[1, 2, 3])
    positives, ignored = matches(Pair.USER_IMAGE, Modality.IMAGE, batch, people([0, 1, 2]), batch)
    assert positives.tolist() == torch.eye(3, dtype=torch.bool).tolist()
    assert ignored.tolist() == [[False, True, False], [True, False, False], [False, False, False]]


def test_absent_candidates_are_ignored_and_never_match():
    batch = posts(author=[0, 0], text=[1, 2], image=[1, 2], present=[True, False])
    positives, ignored = matches(Pair.USER_IMAGE, Modality.USER, people([0]), batch, batch)
    assert positives.tolist() == [[True, False]]
    assert ignored.tolist() == [[False, True]]
