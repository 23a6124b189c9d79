import re
from itertools import pairwise

import pytest

from tests.training.report.finished import SCRIPT
from tests.training.report.reading import assert_harmless
from training.report.page import page
from training.report.write import fitting_page


@pytest.fixture(scope="module")
def html(hostile_report) -> str:
    return page(hostile_report, thumbnail=48)


def test_hostile_posts_are_shown_and_do_nothing(html):
    seen = assert_harmless(html)
    assert SCRIPT in seen.text  # told as it was written
    assert "first <run>" in seen.text
    [policy] = [m for m in seen.named("meta") if m.get("http-equiv")]
    assert (policy["content"] or "").startswith("default-src 'none'; img-src data:;")


def test_every_part_is_there(html, hostile_report):
    seen = assert_harmless(html)
    ids = {attributes.get("id") for _, attributes in seen.elements}
    assert {link["href"] for link in seen.named("a")} == {
        f"#{name}" for name in ids if name and not name.endswith("-title")
    }
    assert len(seen.named("a")) == 12
    for gallery in hostile_report.galleries:
        assert gallery.direction.arrow in seen.text
    assert seen.text.count("Worst failures: the lowest") == len(hostile_report.galleries) == 8
    for word in ("unimodal_image", "concatenation", "median rank", "Quarantine", "Apache-2.0"):
        assert word in seen.text
    assert hostile_report.record.data_digest in seen.text


def test_it_can_be_read_aloud(html):
    seen = assert_harmless(html)
    assert all("alt" in image for image in seen.named("img"))
    assert all(cell.get("scope") for cell in seen.named("th"))
    assert html.count("<table") == html.count("<caption>")
    assert seen.named("html")[0]["lang"] == "en"
    levels = [int(name[1]) for name, _ in seen.elements if re.fullmatch("h[1-6]", name)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deeper - level <= 1 for level, deeper in pairwise(levels))


def test_private_posts_are_never_shown(made, report_on):
    materials = made(private=True)
    content = report_on(materials)
    posts = materials.data.posts(["text", "private"]).to_pylist()
    seen = assert_harmless(page(content, thumbnail=24))
    assert "private post" in seen.text
    numbers = {post["private"]: [] for post in posts}
    for post in posts:
        if post["text"]:
            numbers[post["private"]].append(post["text"].rpartition(" ")[2])
    shown = set(re.findall(r"number (\d+)", seen.text))
    assert shown & set(numbers[False])
    assert not shown & set(numbers[True])


def test_data_without_images(made, report_on):
    content = report_on(made(images=False))
    assert {g.direction.value for g in content.galleries} == {
        "user_to_text", "text_to_user", "user_to_post", "post_to_user"
    }  # fmt: skip
    seen = assert_harmless(page(content, thumbnail=24))
    assert "user→image" not in seen.text


def test_data_of_which_nothing_is_held_out(made, report_on):
    content = report_on(made(each=2))
    seen = assert_harmless(page(content, thumbnail=24))
    assert "nothing to measure" in seen.text
    assert "Worst failures" not in seen.text
    assert "Lineage" in seen.text


def test_pictures_shrink_until_the_page_fits(hostile_report):
    large = len(page(hostile_report, thumbnail=160))
    assert len(fitting_page(hostile_report)) == large
    assert len(fitting_page(hostile_report, limit=large - 1)) < large
