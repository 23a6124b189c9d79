import pytest

from tests.training.planted import SUBJECTS, Planted, subject_of
from training.errors import NotFound
from training.interests.posts import describe


def rows(planted: Planted) -> list[dict]:
    return planted.materials.data.posts(["post_id", "user_id", "tags", "text"]).to_pylist()


def test_untagged_posts_lack_the_tags_of_their_subject(planted: Planted) -> None:
    untagged = [post for post in rows(planted) if not post["tags"]]
    assert len(untagged) == 24
    right = 0
    for post in untagged:
        found = describe(planted.landscape, planted.materials, post["post_id"], 3)
        subject = subject_of(post["user_id"])
        named = {found.lacks[0].tag, *found.lacks[0].also}
        right += bool(named & {subject, *SUBJECTS[subject]})
        assert found.tags == ()
    assert right >= 22


def test_what_a_post_has_it_does_not_lack(planted: Planted) -> None:
    for post in rows(planted)[:40]:
        found = describe(planted.landscape, planted.materials, post["post_id"])
        assert not {tag.tag for tag in found.lacks} & set(post["tags"] or ())


def test_the_surest_come_first(planted: Planted) -> None:
    found = describe(planted.landscape, planted.materials, "post3")
    shares = [tag.share for tag in found.lacks]
    assert shares == sorted(shares, reverse=True)
    assert all(0 < share <= 1 for share in shares)
    assert found.lacks[0].lift > 1


def test_a_tag_that_the_text_says_is_marked(planted: Planted) -> None:
    untagged = [post for post in rows(planted) if not post["tags"] and post["text"]]
    marked = total = 0
    for post in untagged:
        for tag in describe(planted.landscape, planted.materials, post["post_id"]).lacks:
            assert tag.in_text == (tag.tag in post["text"].split())
            marked, total = marked + tag.in_text, total + 1
    assert 0 < marked < total


def test_an_unknown_post(planted: Planted) -> None:
    with pytest.raises(NotFound, match="no post 'post0000'"):
        describe(planted.landscape, planted.materials, "post0000")
